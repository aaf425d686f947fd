import { afterEach, describe, expect, it } from "vitest";
import { type Served, type Serving, serveModel } from "./llama-fixture.ts";

const opened: Served[] = [];
afterEach(() => Promise.all(opened.splice(0).map((served) => served.close())));

async function serve(options: Serving): Promise<Served> {
  const served = await serveModel({ contextLength: 2048, ...options });
  opened.push(served);
  return served;
}

/** Longer than a busy machine can keep a test from looking at what runs. */
const long = { contextLength: 32_768, maxModelLen: 32_768 };
const endless = { max_tokens: 32_000, ignore_eos: true };

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("sequences", () => {
  it("go to requests that wait, as soon as others have ended", async () => {
    const served = await serve({ sequences: 4, ...long });
    const holders = new AbortController();
    const held = Array.from({ length: 4 }, (_, seed) =>
      served.post("/v1/completions", { prompt: "a", seed, ...endless }, holders.signal).catch(() => "gone"),
    );
    await until(async () => (await served.metric("vllm:num_requests_running")) === 4);
    const replies = Promise.all(
      Array.from({ length: 7 }, (_, seed) => served.complete({ prompt: `${seed}`, seed, max_tokens: 60 })),
    );
    await until(async () => (await served.metric("vllm:num_requests_waiting")) === 7);
    expect(await served.metric("vllm:num_requests_running")).toBe(4);
    holders.abort();
    expect(await Promise.all(held)).toEqual(Array(4).fill("gone"));
    expect((await replies).length).toBe(7);
    await until(async () => (await served.metric("vllm:num_requests_running")) === 0);
    expect(await served.metric("vllm:num_requests_waiting")).toBe(0);
  });

  it("are free at once when a client goes, running or waiting", async () => {
    const served = await serve({ sequences: 4, ...long });
    const clients = Array.from({ length: 6 }, () => new AbortController());
    const gone = clients.map(({ signal }, seed) =>
      served.post("/v1/completions", { prompt: "a", seed, ...endless }, signal).catch(() => "gone"),
    );
    await until(async () => (await served.metric("vllm:num_requests_waiting")) === 2);
    clients[5]?.abort();
    await until(async () => (await served.metric("vllm:num_requests_waiting")) === 1);
    const last = served.complete({ prompt: "b", max_tokens: 5 });
    for (const client of clients) client.abort();
    expect((await last).usage.completion_tokens).toBeLessThanOrEqual(5);
    expect(await Promise.all(gone)).toEqual(clients.map(() => "gone"));
    await until(async () => (await served.metric("vllm:num_requests_running")) === 0);
    // Had those gone on, there would be 32,000 of each.
    expect(await served.metric("vllm:generation_tokens_total")).toBeLessThan(4 * 32_000);
  });

  it("keep what a candidate has written for its next turn, and share a problem's prompt among candidates", async () => {
    const served = await serve({ sequences: 8 });
    const prompt = "Problem: how many numbers below 1000 are multiples of 7 or 11?\n";
    const turn = { max_tokens: 30, seed: 4, stop: ["output"], skip_special_tokens: false };
    const first = await served.complete({ prompt, ...turn });
    const told = first.usage.prompt_tokens;
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    const ascii = "put it here";
    const next = await served.complete({ prompt: `${prompt}${ascii}`, ...turn });
    expect(next.usage.prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(told - 1);
    const again = await served.complete({ prompt: `${prompt}${ascii} and more`, ...turn });
    expect(again.usage.prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(next.usage.prompt_tokens - 2);

    const hits = await served.metric("vllm:prefix_cache_hits_total");
    const other = `${prompt.toUpperCase()}Another problem.`;
    const together = await Promise.all(
      Array.from({ length: 6 }, (_, seed) => served.complete({ prompt: other, ...turn, seed })),
    );
    const cached = together.map(({ usage }) => usage.prompt_tokens_details.cached_tokens);
    const length = together[0]?.usage.prompt_tokens ?? 0;
    // One of them computes it; the others wait for all but a few tokens.
    expect(cached.filter((tokens) => tokens >= length - 6)).toHaveLength(5);
    const sum = cached.reduce((total, tokens) => total + tokens, 0);
    expect(await served.metric("vllm:prefix_cache_hits_total")).toBe(hits + sum);
    expect(await served.metric("vllm:prefix_cache_queries_total")).toBeGreaterThan(sum);
  });

  it("can be read in larger pieces, where nothing has to repeat", async () => {
    const served = await serve({ sequences: 8, repeatable: false });
    const texts = await Promise.all(
      Array.from({ length: 10 }, (_, seed) =>
        served.complete({ prompt: `${seed} `.repeat(600), seed, max_tokens: 20, ignore_eos: true }),
      ),
    );
    for (const { text, usage } of texts) {
      expect(usage.completion_tokens).toBe(20);
      expect(text).not.toBe("");
    }
  });
});
