import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { startFaultProxy } from "../../helpers/fault-proxy.ts";
import { type ScriptedReply, until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer } from "./engine-under-test.ts";

const idleTimeoutSeconds = 0.4;

/** A server that never answers a generation. Its metrics are what `metrics` says at each look; undefined: it has none. */
async function hanging(
  metrics: () => ScriptedReply | undefined = () => undefined,
  looksAtModels: ScriptedReply[] = [],
) {
  let looks = 0;
  const server = await aServer(() => ({ hang: true }), {
    intercept(path) {
      if (path === "/metrics") looks += 1;
      return path === "/metrics" ? metrics() : path === "/v1/models" ? looksAtModels.shift() : undefined;
    },
  });
  const engine = anEngine({ baseUrls: [server.baseUrl], requestTimeoutSeconds: 60, idleTimeoutSeconds });
  return { server, engine, looks: () => looks };
}

const page = (tokens: number, running = 1): ScriptedReply => ({
  raw: `vllm:num_requests_running{engine="0"} ${running}\nvllm:generation_tokens_total{engine="0"} ${tokens}\n`,
  contentType: "text/plain",
});

const hangs = { kind: "engine-failed", reason: expect.stringMatching(/it hangs: neither an answer nor a token/u) };

describe("a server that hangs", () => {
  it.each([0, 1])("is found out where its counts of tokens stand still, with %i requests running", async (running) => {
    const { engine, server } = await hanging(() => page(1234, running));
    const requests = [0, 1, 2].map((n) => engine.generate(aRequest({ requestId: `set/p:0:${n}:0` })));
    expect(await Promise.all(requests)).toMatchObject([hangs, hangs, hangs]);
    await until(() => server.log.every(({ aborted }) => aborted));
  });

  it("is found out where it answers nothing at all any more", async () => {
    const server = await aServer();
    const proxy = await startFaultProxy(server.url, () => ({ kind: "hang", at: "request" }));
    onTestFinished(() => proxy.close());
    const engine = anEngine({ baseUrls: [proxy.baseUrl], requestTimeoutSeconds: 60, idleTimeoutSeconds });
    expect(await engine.generate(aRequest())).toMatchObject(hangs);
  });

  it("is found out over many requests that are each given up sooner", async () => {
    const { engine } = await hanging(() => page(7));
    const seen: string[] = [];
    for (let request = 0; request < 200 && !seen.includes("engine-failed"); request += 1) {
      const signal = AbortSignal.timeout(50);
      seen.push((await engine.generate(aRequest({ signal }))).kind);
    }
    expect(new Set(seen)).toEqual(new Set(["aborted", "engine-failed"]));
  });

  it("gives its requests to another server", async () => {
    const { server } = await hanging(() => page(7));
    const good = await aServer();
    const baseUrls = [server.baseUrl, good.baseUrl];
    const engine = anEngine({ baseUrls, requestTimeoutSeconds: 60, idleTimeoutSeconds, maxAttempts: 1 });
    const [first] = await Promise.all([engine.generate(aRequest()), engine.generate(aRequest())]);
    expect(first).toMatchObject({ kind: "generation", endpoint: good.baseUrl });
  });
});

describe("a server that is only slow", () => {
  /** Lets it be looked at often enough to be found out. */
  async function stillWaits({ engine, looks }: Awaited<ReturnType<typeof hanging>>): Promise<boolean> {
    const controller = new AbortController();
    const generation = engine.generate(aRequest({ signal: controller.signal }));
    await until(() => looks() >= 12);
    controller.abort();
    return (await generation).kind === "aborted";
  }

  it("keeps its requests while its counts of tokens move, were they all others'", async () => {
    let tokens = 0;
    expect(await stillWaits(await hanging(() => page(++tokens)))).toBe(true);
  });

  it("keeps its requests where it counts nothing but answers", async () => {
    expect(await stillWaits(await hanging())).toBe(true);
    const prometheus: ScriptedReply = { raw: "python_info 1\n", contentType: "text/plain" };
    expect(await stillWaits(await hanging(() => prometheus))).toBe(true);
  });

  it("keeps its requests where it answers that it has no time", async () => {
    const busy = Array.from({ length: 100 }, (): ScriptedReply => ({ status: 503 }));
    expect(await stillWaits(await hanging(() => ({ status: 503 }), busy))).toBe(true);
  });

  it("is not looked at while it has nothing to do", async () => {
    const { looks } = await hanging(() => page(1));
    await sleep(1000 * idleTimeoutSeconds);
    expect(looks()).toBe(0);
  });
});
