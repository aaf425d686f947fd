import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Completed, type Served, serveModel } from "./llama-fixture.ts";

const chatTemplate =
  "{{ bos_token }}{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

describe("the embedded model's server", () => {
  let served: Served;

  beforeAll(async () => {
    served = await serveModel({ chatTemplate, contextLength: 256, sequences: 4 });
  });
  afterAll(() => served.close());

  const refusal = async (body: object, path = "/v1/completions") => {
    const response = await served.post(path, { prompt: "a", ...body });
    const { error } = (await response.json()) as { error: { message: string; param: string | null } };
    return { status: response.status, ...error };
  };

  it("names its model, context and version", async () => {
    const models = await (await fetch(`${served.url}/models`)).json();
    expect(models).toMatchObject({ data: [{ id: "small", max_model_len: 256 }] });
    const root = served.url.replace("/v1", "");
    expect(await (await fetch(`${root}/version`)).json()).toEqual({
      version: expect.stringMatching(/^node-llama-cpp \d/u),
    });
    expect((await fetch(`${root}/health`)).status).toBe(200);
  });

  it("counts tokens, puts the first token before a prompt, and turns tokens back into text", async () => {
    const prompt = "print(1) ¬ é 日本\n";
    const told = (await (await served.post("/tokenize", { prompt, return_token_strs: true })).json()) as {
      count: number;
      tokens: number[];
      token_strs: string[];
    };
    expect(told).toMatchObject({ count: told.tokens.length, max_model_len: 256 });
    expect(told.token_strs[0]).toBe("<s>");
    const back = await served.post("/detokenize", { tokens: told.tokens.slice(1) });
    expect(await back.json()).toEqual({ prompt });
    const bare = await served.post("/tokenize", { prompt, add_special_tokens: false });
    expect(await bare.json()).toMatchObject({ tokens: told.tokens.slice(1) });
    const { usage } = await served.complete({ prompt, max_tokens: 1 });
    expect(usage).toMatchObject({ prompt_tokens: told.count, completion_tokens: 1, total_tokens: told.count + 1 });
  });

  it("takes token ids for a prompt, and gives those that it wrote", async () => {
    const prompt = "abc";
    const { tokens } = (await (await served.post("/tokenize", { prompt })).json()) as { tokens: number[] };
    const fromText = await served.complete({ prompt, seed: 3, return_token_ids: true });
    const fromTokens = await served.complete({ prompt: tokens, seed: 3, return_token_ids: true });
    expect(fromTokens.token_ids).toEqual(fromText.token_ids);
    expect(fromText.token_ids).toHaveLength(fromText.usage.completion_tokens);
  });

  it("ends at a stop string, keeps or cuts it, and says which it was", async () => {
    const free = await served.complete({ prompt: "abc", seed: 5, max_tokens: 40 });
    const characters = [...free.text];
    const stop = characters.slice(9, 12).join("");
    const before = free.text.slice(0, free.text.indexOf(stop));
    const request = { prompt: "abc", seed: 5, max_tokens: 40, stop: ["never there", stop] };
    const cut = await served.complete(request);
    expect(cut).toMatchObject({ text: before, finish_reason: "stop", stop_reason: stop });
    const kept = await served.complete({ ...request, include_stop_str_in_output: true });
    expect(kept).toMatchObject({ text: before + stop, finish_reason: "stop", stop_reason: stop });
    expect(kept.usage.completion_tokens).toBe(cut.usage.completion_tokens);
  });

  it("ends at max_tokens, at a stop token, and at the model's own end", async () => {
    const long = await served.complete({ prompt: "abc", seed: 5, max_tokens: 10, return_token_ids: true });
    expect(long).toMatchObject({ finish_reason: "length", stop_reason: null, usage: { completion_tokens: 10 } });
    const token = long.token_ids?.[6] ?? -1;
    const first = long.token_ids?.indexOf(token) ?? -1;
    const stopped = await served.complete({ prompt: "abc", seed: 5, stop_token_ids: [token] });
    expect(stopped).toMatchObject({ finish_reason: "stop", stop_reason: token });
    expect(stopped.usage.completion_tokens).toBe(first + 1);
    // The likeliest of several hundred tokens is the end of text somewhere.
    const texts = await Promise.all(
      Array.from({ length: 24 }, (_, seed) => served.complete({ prompt: "abc", seed, max_tokens: 200 })),
    );
    const ended = texts.filter(({ finish_reason }) => finish_reason === "stop");
    expect(ended.length).toBeGreaterThan(0);
    for (const { stop_reason, text } of ended) {
      expect(stop_reason).toBeNull();
      expect(text).not.toContain("</s>");
    }
  });

  it.each(["/v1/completions", "/v1/chat/completions"])("streams the text that it gives whole (%s)", async (path) => {
    const body = { prompt: "abc", messages: [{ role: "user", content: "abc" }], seed: 8, max_tokens: 30, stop: ["zz"] };
    const { prompt, messages, ...common } = body;
    const request = path.includes("chat") ? { messages, ...common } : { prompt, ...common };
    type Choice = { text?: string; message?: { content: string }; finish_reason: string };
    const whole = (await (await served.post(path, request)).json()) as { choices: [Choice]; usage: object };
    const stream = await served.post(path, { ...request, stream: true, stream_options: { include_usage: true } });
    const events = (await stream.text()).split("\n\n").filter((event) => event !== "");
    expect(events.pop()).toBe("data: [DONE]");
    type Event = { choices: { text?: string; delta?: { content?: string }; finish_reason: string }[]; usage?: object };
    const chunks = events.map((event) => JSON.parse(event.replace("data: ", "")) as Event);
    const text = chunks
      .flatMap(({ choices }) => choices.map(({ text, delta }) => text ?? delta?.content ?? ""))
      .join("");
    const [choice] = whole.choices;
    expect(text).toBe(choice.text ?? choice.message?.content);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe(choice.finish_reason);
    expect(chunks.at(-1)?.usage).toMatchObject({ completion_tokens: 30 });
    expect(chunks.length).toBeGreaterThan(10);
  });

  it("renders a chat by the model's template, and goes on with its last message", async () => {
    const user = { role: "user", content: "2 + 2 = " };
    const asText = await served.complete({
      prompt: "<s><user>2 + 2 = <assistant>",
      add_special_tokens: false,
      seed: 4,
    });
    const chat = async (body: object) => {
      const response = await served.post("/v1/chat/completions", { seed: 4, max_tokens: 24, ...body });
      return (await response.json()) as { choices: [{ message: { content: string } }]; usage: object };
    };
    const answered = await chat({ messages: [user] });
    expect(answered.choices[0].message.content).toBe(asText.text);
    expect(answered.usage).toMatchObject({ prompt_tokens: asText.usage.prompt_tokens });
    const begun = await served.complete({
      prompt: "<s><user>2 + 2 = <assistant>fo",
      add_special_tokens: false,
      seed: 4,
    });
    const continued = await chat({
      messages: [user, { role: "assistant", content: "fo" }],
      add_generation_prompt: false,
      continue_final_message: true,
    });
    // The template has no mark of the assistant before its message but its role's.
    expect(continued.choices[0].message.content).toBe(begun.text);
  });

  it("tells log probabilities of the model itself, whatever the temperature", async () => {
    const request = { prompt: "abc", max_tokens: 6, seed: 2, logprobs: 20, return_tokens_as_token_ids: true };
    const warm = await served.complete({ ...request, temperature: 1.5 });
    const plain = await served.complete({ prompt: "abc", max_tokens: 6, seed: 2, temperature: 1.5 });
    expect(warm.text).toBe(plain.text); // asking changes nothing
    const greedy = await served.complete({ ...request, temperature: 0 });
    const [top = {}] = greedy.logprobs?.top_logprobs ?? [];
    expect(Object.keys(top)).toHaveLength(20);
    expect(warm.logprobs?.top_logprobs[0]).toMatchObject(top);
    for (const [index, logprob] of (greedy.logprobs?.token_logprobs ?? []).entries()) {
      const top = Object.values(greedy.logprobs?.top_logprobs[index] ?? {});
      expect(logprob).toBe(Math.max(...top));
      expect(logprob).toBeLessThan(0);
    }
  });

  it("refuses a prompt that leaves no room, in vLLM's words", async () => {
    const long = "x".repeat(300);
    expect(await refusal({ prompt: long })).toMatchObject({
      status: 400,
      message: expect.stringMatching(/maximum context length is 256 tokens.*at least 257 input tokens/u),
    });
    expect(await refusal({ max_tokens: 257 })).toMatchObject({ status: 400, param: "max_tokens" });
    const { usage, finish_reason } = await served.complete({
      prompt: "x".repeat(250),
      max_tokens: 100,
      ignore_eos: true,
    });
    expect(usage.total_tokens).toBe(256);
    expect(finish_reason).toBe("length");
  });

  it.each([
    [{ n: 2 }, /n.*serves 1 alone/u],
    [{ best_of: 3 }, /does not serve best_of/u],
    [{ prompt_logprobs: 1 }, /does not serve prompt_logprobs/u],
    [{ tools: [] }, /does not serve tools/u],
    [{ temprature: 0.5 }, /does not serve temprature/u],
    [{ prompt: ["a", "b"] }, /one prompt/u],
    [{ repetition_penalty: 1.2, presence_penalty: 1 }, /one or the other/u],
    [{ prompt: [9999] }, /vocabulary/u],
    [{ model: "other" }, /does not exist/u],
    [{ stop: [""] }, /empty string/u],
    [{ top_p: 0 }, /top_p/u],
  ])("refuses what it does not serve: %j", async (body, message) => {
    const refused = await refusal(body);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.status).toBeLessThan(500);
    expect(refused.message).toMatch(message);
  });

  it("takes fields that are off, or empty", async () => {
    const { text } = await served.complete({ prompt: "a", seed: 1 });
    const off = { n: 1, top_k: -1, min_p: 0, repetition_penalty: 1, presence_penalty: 0, frequency_penalty: 0 };
    const said = await served.complete({ prompt: "a", seed: 1, ...off, best_of: null, top_p: 1, temperature: 1 });
    expect(said.text).toBe(text);
  });
});

describe("sampling", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveModel({ sequences: 32, sureness: 2 });
  });
  afterAll(() => served.close());

  const prompt = "abcabc";
  /** The first tokens of many seeds. */
  const firstTokens = async (body: object, seeds = 160) => {
    const replies = await Promise.all(
      Array.from({ length: seeds }, (_, seed) =>
        served.complete({ prompt, seed, max_tokens: 1, return_token_ids: true, ...body }),
      ),
    );
    return replies.map(({ token_ids }) => token_ids?.[0] ?? -1);
  };
  /** The 20 likeliest tokens and their probabilities at a temperature, among themselves. */
  const likely = async (temperature: number) => {
    const asIds = { logprobs: 20, return_tokens_as_token_ids: true };
    const { logprobs } = await served.complete({ prompt, max_tokens: 1, temperature: 0, ...asIds });
    const top = Object.entries(logprobs?.top_logprobs[0] ?? {}).toSorted(([, a], [, b]) => b - a);
    const ids = top.map(([name]) => Number(name.replace("token_id:", "")));
    return { ids, weights: top.map(([, logprob]) => Math.exp(logprob / temperature)), logprobs: top };
  };

  it("without a temperature takes the likeliest token, whatever the seed", async () => {
    const { ids } = await likely(1);
    expect(new Set(await firstTokens({ temperature: 0 }, 5))).toEqual(new Set([ids[0]]));
    expect(new Set(await firstTokens({ top_k: 1 }, 5))).toEqual(new Set([ids[0]]));
  });

  it("has no limit that was not asked for", async () => {
    // With 266 tokens at a high temperature, 40 are soon seen; a hidden top-k or top-p would end there.
    expect(new Set(await firstTokens({ temperature: 20 }, 400)).size).toBeGreaterThan(120);
  });

  it("keeps the k likeliest tokens", async () => {
    const { ids } = await likely(1);
    const drawn = new Set(await firstTokens({ temperature: 20, top_k: 3 }));
    expect(drawn).toEqual(new Set(ids.slice(0, 3)));
  });

  it("keeps tokens by their probability behind the temperature, as vLLM does (min_p)", async () => {
    const temperature = 3;
    const { ids, weights } = await likely(temperature);
    const third = (weights[2] ?? 0) / (weights[0] ?? 1);
    const fourth = (weights[3] ?? 0) / (weights[0] ?? 1);
    const drawn = new Set(await firstTokens({ temperature, min_p: (third + fourth) / 2 }));
    expect(drawn).toEqual(new Set(ids.slice(0, 3)));
  });

  it("keeps the nucleus behind the temperature, as vLLM does (top_p)", async () => {
    const temperature = 0.3;
    const { ids, weights } = await likely(temperature);
    const total = weights.reduce((sum, weight) => sum + weight, 0); // of nearly all there is, at this temperature
    const [first = 0, second = 0, third = 0] = weights.map((weight) => weight / total);
    const drawn = await firstTokens({ temperature, top_p: first + second + third / 2 }, 300);
    expect(new Set(drawn)).toEqual(new Set(ids.slice(0, 3)));
    const share = drawn.filter((id) => id === ids[0]).length / drawn.length;
    const expected = first / (first + second + third);
    expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / drawn.length));
  });

  it("draws tokens as often as the model says", async () => {
    const { ids, logprobs } = await likely(1);
    const drawn = await firstTokens({}, 400);
    const expected = Math.exp(logprobs[0]?.[1] ?? 0);
    const share = drawn.filter((id) => id === ids[0]).length / drawn.length;
    expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / drawn.length));
  });

  it("punishes what was written already (frequency and presence), and what stands in the prompt (repetition)", async () => {
    const greedy = (body: object) =>
      served.complete({ prompt, temperature: 0, max_tokens: 40, ignore_eos: true, return_token_ids: true, ...body });
    const repeats = ({ token_ids = [] }: Completed) => token_ids.length - new Set(token_ids).size;
    const plain = await greedy({});
    expect(repeats(plain)).toBeGreaterThan(0);
    expect(repeats(await greedy({ presence_penalty: 2, frequency_penalty: 2 }))).toBeLessThan(repeats(plain));
    const punished = await greedy({ repetition_penalty: 1000 });
    const { tokens } = (await (await served.post("/tokenize", { prompt })).json()) as { tokens: number[] };
    expect(repeats(punished)).toBe(0);
    expect(punished.token_ids?.filter((id) => tokens.includes(id))).toEqual([]);
  });
});
