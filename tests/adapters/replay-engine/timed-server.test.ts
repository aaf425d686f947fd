import { describe, expect, it, onTestFinished } from "vitest";
import { startReplayServer } from "../../../pipeline/adapters/replay-engine/replay-server.ts";
import { TimedModel } from "../../../pipeline/adapters/replay-engine/timed-model.ts";
import { type EngineLimits, EngineModel } from "../../../pipeline/core/engine-model/engine-model.ts";
import { ManualClock } from "./emulation-fixture.ts";
import { complete, get, type Json, metric, recordingsOf } from "./replay-fixture.ts";

const statement = "How many days have ten weeks, if each has seven of them?";
const answer = "There are seven days in a week, and so seventy in ten weeks. The answer is 70.";
const prompt = `Problem: ${statement}\nSolution: `;

/** A server whose model takes 10 ms for each step, on a clock that the test moves. */
async function serveTimed(limits: Partial<EngineLimits> = {}) {
  const clock = new ManualClock();
  const own = { maxSequences: 2, maxBatchedTokens: 256, blockSize: 4, blocks: 101, ...limits };
  const timed = new TimedModel(new EngineModel(own, () => 0.01), clock);
  const recordings = recordingsOf({ [statement]: [answer] });
  const server = await startReplayServer({ recordings, model: "replay", maxModelLen: 4096, timed });
  onTestFinished(() => server.close());
  return { server, clock, timed };
}

const request = { prompt, max_tokens: 100 };

/** Waits until the model has so many requests, running or not. */
async function untilThere(timed: TimedModel, count: number): Promise<void> {
  await expect.poll(() => timed.state().running + timed.state().waiting).toBe(count);
}

describe("an answer", () => {
  it("comes when the model has generated it, and not before", async () => {
    const { server, clock, timed } = await serveTimed();
    let answered: Json;
    const response = complete(server, request).then((one) => {
      answered = one;
    });
    await untilThere(timed, 1);
    clock.moveTo(0);
    expect(await metric(server, "num_requests_running")).toBe(1);
    expect(answered).toBeUndefined();
    clock.moveTo(1e6);
    await response;
    expect(answered).toMatchObject({ status: 200, body: { choices: [{ text: answer, finish_reason: "stop" }] } });
    const { completion_tokens } = answered.body.usage;
    expect(timed.state()).toMatchObject({
      generatedTokens: completion_tokens,
      busyMilliseconds: 10 * completion_tokens,
    });
  });

  it("waits for its turn, and is told how much of its prompt the cache had", async () => {
    const { server, clock, timed } = await serveTimed({ maxSequences: 1 });
    const responses = [complete(server, request), complete(server, request)];
    await untilThere(timed, 2);
    clock.moveTo(0);
    expect(await metric(server, "num_requests_waiting")).toBe(1);
    clock.moveTo(1e6);
    const cached = (await Promise.all(responses)).map(({ body }) => body.usage.prompt_tokens_details.cached_tokens);
    expect(cached.toSorted()).toEqual([0, expect.any(Number)]);
    expect(Math.max(...cached)).toBeGreaterThan(8);
    expect(await metric(server, "prefix_cache_hits_total")).toBe(Math.max(...cached));
  });

  it("of several choices takes as long as they do side by side", async () => {
    const { server, clock, timed } = await serveTimed();
    const response = complete(server, { ...request, n: 2 });
    await untilThere(timed, 2);
    clock.moveTo(1e6);
    const { completion_tokens } = (await response).body.usage;
    expect(timed.state().busyMilliseconds).toBe((10 * completion_tokens) / 2);
  });

  it("that the cache could never hold is refused as too long", async () => {
    const { server } = await serveTimed({ blocks: 9 });
    const { status, body } = await complete(server, request);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param: "input_tokens" });
  });
});

describe("a stream", () => {
  it("brings the tokens as they come", async () => {
    const { server, clock, timed } = await serveTimed();
    const response = await fetch(`${server.url}/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let received = "";
    const untilReceived = async (text: string) => {
      while (!received.includes(text)) received += (await reader?.read())?.value ?? expect.unreachable();
    };
    await untilThere(timed, 1);
    clock.moveTo(15); // the first token is an event of its own
    await untilReceived("There");
    expect(received).not.toContain("are");
    clock.moveTo(95); // then eight at a time
    await untilReceived("are seven");
    expect(received).not.toContain("seventy");
    clock.moveTo(1e6);
    await untilReceived("[DONE]");
    expect(received).toContain('"finish_reason":"stop"');
    expect(received).toContain('"cached_tokens":0');
  });
});

it("ends a stream with an error where the cache cannot hold the text", async () => {
  const { server } = await serveTimed({ blocks: 8 });
  const response = await fetch(`${server.url}/completions`, {
    method: "POST",
    body: JSON.stringify({ ...request, stream: true }),
  });
  const [error, end] = (await response.text()).split("\n\n");
  expect(JSON.parse(error?.slice("data: ".length) ?? "")).toMatchObject({
    error: { code: 400, param: "input_tokens" },
  });
  expect(end).toBe("data: [DONE]");
});

describe("a client that goes away", () => {
  it.each([false, true])("takes its request out of the model (stream: %s)", async (stream) => {
    const { server, clock, timed } = await serveTimed();
    const gone = new AbortController();
    const response = fetch(`${server.url}/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...request, stream }),
      signal: gone.signal,
    }).then((streamed) => streamed.text());
    await untilThere(timed, 1);
    clock.moveTo(5);
    expect(await metric(server, "kv_cache_usage_perc")).toBeGreaterThan(0);
    gone.abort();
    await expect(response).rejects.toThrow();
    await untilThere(timed, 0);
    expect(await metric(server, "kv_cache_usage_perc")).toBe(0);
  });
});

it("the metrics tell of the cache under vLLM's names, and how long the engine was busy", async () => {
  const { server, clock, timed } = await serveTimed();
  const response = complete(server, request);
  await untilThere(timed, 1);
  clock.moveTo(1e6);
  await response;
  const { text } = await get(server, "/metrics");
  expect(text).toMatch(
    /^vllm:cache_config_info\{.*block_size="4".*kv_cache_size_tokens="404".*num_gpu_blocks="101"\} 1$/mu,
  );
  expect(text).toMatch(/^vllm:num_preemptions_total\{.*\} 0$/mu);
  expect(text).toMatch(/^vllm:prefix_cache_queries_total\{.*\} [1-9]/mu);
  expect(text).toMatch(/^sctir:engine_busy_seconds_total\{.*\} 0\.\d+$/mu);
  expect(text).toMatch(/^vllm:prompt_tokens_total\{.*\} [1-9]/mu);
});
