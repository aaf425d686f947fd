import { getEventListeners } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer, engineOn } from "./engine-under-test.ts";

describe("the caller's abort", () => {
  it("ends a request in flight and closes its connection", async () => {
    const { generate, server } = await engineOn(() => ({ hang: true }));
    const controller = new AbortController();
    const result = generate({ signal: controller.signal });
    await until(() => server.running === 1);
    controller.abort();
    expect(await result).toEqual({ kind: "aborted" });
    await until(() => server.running === 0);
    expect(server.log[0]?.aborted).toBe(true);
  });

  it("ends a reply that is on its way", async () => {
    const { generate, server } = await engineOn(() => ({ text: "x".repeat(5000), drip: 5000 }));
    const controller = new AbortController();
    const result = generate({ signal: controller.signal });
    await until(() => server.running === 1);
    controller.abort(new Error("out of time"));
    expect(await result).toEqual({ kind: "aborted" });
    await until(() => server.log[0]?.aborted === true);
  });

  it("ends a wait between attempts", async () => {
    const server = await aServer(() => ({ status: 503, headers: { "Retry-After": "60" } }));
    const engine = anEngine({ baseUrls: [server.baseUrl] }, {}); // really waits
    const controller = new AbortController();
    const result = engine.generate(aRequest({ signal: controller.signal }));
    await until(() => server.log[0]?.done === true);
    controller.abort();
    expect(await result).toEqual({ kind: "aborted" });
    expect(server.log).toHaveLength(1);
  });

  it("ends a question for the prompt's length", async () => {
    const intercept = (path: string) => (path === "/tokenize" ? { hang: true } : undefined);
    const { generate, server } = await engineOn(() => "x", { maxModelLen: 100 }, { intercept });
    const controller = new AbortController();
    const result = generate({ signal: controller.signal });
    await until(() => server.others.some(({ path }) => path === "/tokenize"));
    controller.abort();
    expect(await result).toEqual({ kind: "aborted" });
    expect(server.log).toHaveLength(0);
  });

  it("asks nothing of the server when it came before the request", async () => {
    const { generate, server } = await engineOn(() => "x");
    expect(await generate({ signal: AbortSignal.abort() })).toEqual({ kind: "aborted" });
    expect(server.log).toHaveLength(0);
  });

  it("may be one for many requests, without a warning, and leaves the others alone", async () => {
    const warnings: Error[] = [];
    const remember = (warning: Error) => warnings.push(warning);
    process.on("warning", remember);
    onTestFinished(() => void process.off("warning", remember));
    const { generate, server } = await engineOn(({ candidate }) => (candidate < 40 ? { hang: true } : "x"));
    const controller = new AbortController();
    const doomed = Array.from({ length: 40 }, (_, candidate) =>
      generate({ requestId: `set/p:0:${candidate}:0`, signal: controller.signal }),
    );
    await until(() => server.running === 40);
    expect(await generate({ requestId: "set/p:0:40:0" })).toMatchObject({ kind: "generation" });
    controller.abort();
    expect(new Set((await Promise.all(doomed)).map(({ kind }) => kind))).toEqual(new Set(["aborted"]));
    expect(warnings).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });
});

describe("close", () => {
  it("ends requests in flight as aborted, and can be called twice", async () => {
    const { engine, generate, server } = await engineOn(() => ({ hang: true }));
    const result = generate();
    await until(() => server.running === 1);
    await engine.close();
    await engine.close();
    expect(await result).toEqual({ kind: "aborted" });
    await until(() => server.running === 0);
  });

  it("refuses further requests: that is a bug", async () => {
    const { engine, generate } = await engineOn(() => "x");
    await engine.close();
    await expect(generate()).rejects.toThrow("closed");
  });
});
