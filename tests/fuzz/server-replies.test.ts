import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aRequest, engineOn, fence } from "../adapters/openai-engine/engine-under-test.ts";
import type { ScriptedReply } from "../helpers/scripted-engine.ts";
import { changedJson, nested } from "./hostile-json.ts";
import { damagedBytes, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const completion = {
  ...{ id: "cmpl-1", object: "text_completion", created: 0, model: "scripted" },
  choices: [{ index: 0, text: `Compute.\n${fence}`, finish_reason: "stop", stop_reason: fence, logprobs: null }],
  usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14, prompt_tokens_details: { cached_tokens: 8 } },
};
const [{ text: content, ...ending }] = completion.choices as [(typeof completion.choices)[0]];
const chat = { ...completion, choices: [{ ...ending, message: { role: "assistant", content } }] };
const models = { object: "list", data: [{ id: "scripted", object: "model", max_model_len: 8192 }] };
const metrics = [
  '# HELP vllm:num_requests_running Requests.\nvllm:num_requests_running{engine="0",model_name="m"} 3.0',
  'vllm:num_requests_waiting{engine="0",model_name="m"} 1.0',
  'vllm:cache_config_info{block_size="16",num_gpu_blocks="4096",engine="0"} 1.0\n',
].join("\n");
const failure = { error: { message: "This model's maximum context length is 4096 tokens.", type: "x", code: 400 } };

/** A reply of any status, type and content that is made from a good one. */
function replyLike(value: unknown): fc.Arbitrary<ScriptedReply> {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const raw = fc.oneof(
    { weight: 4, arbitrary: typeof value === "string" ? damagedBytes([text]) : changedJson([value, failure]) },
    { weight: 2, arbitrary: damagedBytes([text, JSON.stringify(failure), "<html><body>502</body></html>"]) },
    { weight: 1, arbitrary: hostileText },
    {
      weight: 1,
      arbitrary: fc.constantFrom(nested(100_000), `{"error":${'{"error":'.repeat(50_000)}1${"}".repeat(50_001)}`),
    },
  );
  return fc.record({
    raw,
    status: fc.oneof(
      { weight: 3, arbitrary: fc.constant(200) },
      { weight: 2, arbitrary: fc.constantFrom(201, 400, 404, 413, 422, 500, 503) },
    ),
    contentType: fc.oneof(
      { weight: 4, arbitrary: fc.constant("application/json") },
      { weight: 1, arbitrary: fc.constantFrom("text/plain; version=0.0.4", "text/html", "text/event-stream", "x") },
    ),
  });
}

describe("an engine client", () => {
  it.each([
    ["completions", completion],
    ["chat", chat],
  ] as const)("makes a text, or a failure with its reason, of any reply to %s", async (transport, value) => {
    let reply: ScriptedReply = "";
    const intercept = (path: string) => (path.includes("completions") ? reply : undefined);
    const { engine } = await engineOn(() => "", { transport, maxAttempts: 1 }, { intercept });
    await engine.connect();
    await fc.assert(
      fc.asyncProperty(replyLike(value), async (other) => {
        reply = other;
        const result = await engine.generate(aRequest());
        if (result.kind === "generation") {
          expect(result.text.isWellFormed()).toBe(true);
          expect(Object.values(result.tokens).every((count) => Number.isSafeInteger(count) && count >= 0)).toBe(true);
        } else if (result.kind === "engine-failed") {
          expect(result.reason.length).toBeLessThan(1000);
          expect(result.reason).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1: ./u);
          expect(result.reason).not.toMatch(/\p{Cc}/u);
        } else expect(result.kind).toBe("context-full");
      }),
      runs(75, 3),
    );
  });

  it("makes a text, or a failure, of any stream", async () => {
    const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
    const [choice] = completion.choices;
    const part = (text: string) => ({ choices: [{ index: 0, text, finish_reason: null }] });
    const stream = [
      ...["Com", "pute.\n", fence].map((text) => event(part(text))),
      event({ choices: [{ ...choice, text: "" }] }),
      event({ choices: [], usage: completion.usage }),
      "data: [DONE]\n\n",
    ].join("");
    let reply: ScriptedReply = "";
    const intercept = (path: string) => (path.includes("completions") ? reply : undefined);
    const { engine } = await engineOn(
      () => "",
      { streaming: true, maxAttempts: 1, idleTimeoutSeconds: 60 },
      { intercept },
    );
    const other = fc.oneof(
      damagedBytes([stream]),
      changedJson([part("x"), failure, { choices: [{ ...choice }] }]).map((text) => `data: ${text}\n\n${stream}`),
    );
    await fc.assert(
      fc.asyncProperty(other, async (raw) => {
        reply = { raw, contentType: "text/event-stream" };
        const result = await engine.generate(aRequest({ onText: () => {} }));
        expect(["generation", "engine-failed", "context-full"]).toContain(result.kind);
      }),
      runs(50, 3),
    );
  });

  it("connects, or says what is wrong, whatever /models and /version are", async () => {
    const replies = new Map<string, ScriptedReply>();
    const { engine } = await engineOn(() => "", {}, { intercept: (path) => replies.get(path) });
    const other = fc.tuple(fc.constantFrom("/v1/models", "/version"), replyLike(models));
    await fc.assert(
      fc.asyncProperty(other, async ([path, reply]) => {
        replies.clear();
        replies.set(path, reply);
        await engine.connect().catch((error: unknown) => asUseful(error, "http://127.0.0.1:"));
      }),
      runs(40, 4),
    );
  });

  it("never fails for what /metrics or /tokenize say", async () => {
    let reply: ScriptedReply = "";
    const intercept = (path: string) => (path === "/metrics" || path === "/tokenize" ? reply : undefined);
    const { engine } = await engineOn(() => "Yes.", {}, { intercept, maxModelLen: 110 });
    await engine.connect();
    const other = fc.oneof(replyLike(metrics), replyLike({ count: 12, max_model_len: 110, tokens: [1, 2] }));
    await fc.assert(
      fc.asyncProperty(other, async (given) => {
        reply = given;
        const load = await engine.load?.();
        if (load?.cacheTokens !== undefined) expect(load.cacheTokens).toBeGreaterThan(0);
        expect(["generation", "context-full"]).toContain((await engine.generate(aRequest())).kind);
      }),
      runs(40, 4),
    );
  });
});
