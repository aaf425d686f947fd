import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { recordingsOf, serve } from "./replay-fixture.ts";

const statement = "How many sides has a square?";
const trace = "It has four.\n```python\nprint(4)\n```\n```output\n4\n```\nThe answer is \\boxed{4}.";
const prompt = `### Problem: ${statement}\n### Solution: `;

async function client() {
  const server = await serve(recordingsOf({ [statement]: [trace] }), { apiKey: "key" });
  return new OpenAI({ baseURL: server.url, apiKey: "key", maxRetries: 0 });
}

describe("the OpenAI client", () => {
  it("lists the model", async () => {
    const models = [];
    for await (const model of (await client()).models.list()) models.push(model.id);
    expect(models).toEqual(["replay"]);
  });

  it("completes", async () => {
    const { choices, usage } = await (await client()).completions.create({
      model: "replay",
      prompt,
      max_tokens: 100,
      stop: ["```output"],
    });
    expect(choices).toMatchObject([{ text: "It has four.\n```python\nprint(4)\n```\n", finish_reason: "stop" }]);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  it("completes in a stream", async () => {
    const stream = await (await client()).completions.create({
      model: "replay",
      prompt,
      max_tokens: 100,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let finish: string | undefined;
    let total: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      total = chunk.usage?.total_tokens ?? total;
    }
    expect({ text, finish }).toEqual({ text: trace, finish: "stop" });
    expect(total).toBeGreaterThan(20);
  });

  it("chats, and continues a message", async () => {
    const openai = await client();
    const whole = await openai.chat.completions.create({
      model: "replay",
      messages: [{ role: "user", content: statement }],
    });
    expect(whole.choices[0]?.message.content).toBe(trace);
    const messages = [
      { role: "user", content: statement },
      { role: "assistant", content: "It has four.\n```python\nprint(4)\n```\n```output\n5\n```" },
    ] as const;
    const flags = { add_generation_prompt: false, continue_final_message: true }; // vLLM's own fields
    const rest = await openai.chat.completions.create({ model: "replay", messages: [...messages], ...flags });
    expect(rest.choices[0]?.message.content).toBe("\nThe answer is \\boxed{4}.");
  });

  it("chats in a stream", async () => {
    const stream = await (await client()).chat.completions.create({
      model: "replay",
      messages: [{ role: "user", content: statement }],
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ["", ""];
    const roles = new Set<string>();
    const finishes: unknown[] = [];
    let usages = 0;
    for await (const chunk of stream) {
      for (const { index, delta, finish_reason } of chunk.choices) {
        texts[index] += delta.content ?? "";
        if (delta.role) roles.add(`${index} ${delta.role}`);
        if (finish_reason) finishes.push(finish_reason);
      }
      if (chunk.usage) usages += 1;
    }
    expect(texts).toEqual([trace, trace]);
    expect([...roles]).toEqual(["0 assistant", "1 assistant"]);
    expect({ finishes, usages }).toEqual({ finishes: ["stop", "stop"], usages: 1 });
  });

  it("gets its own kinds of errors", async () => {
    const openai = await client();
    const ask = (fields: object) => openai.completions.create({ model: "replay", prompt, max_tokens: 5, ...fields });
    await expect(ask({ model: "other" })).rejects.toThrow(OpenAI.NotFoundError);
    await expect(ask({ prompt: "unheard of" })).rejects.toMatchObject({ status: 422, type: "NoRecordingError" });
    await expect(ask({ max_tokens: 4097 })).rejects.toThrow(OpenAI.BadRequestError);
    const long = ask({ prompt: "word ".repeat(4097) });
    await expect(long).rejects.toMatchObject({ status: 400, param: "input_tokens", code: 400 });
    await expect(new OpenAI({ baseURL: openai.baseURL, apiKey: "no", maxRetries: 0 }).models.list()).rejects.toThrow(
      OpenAI.AuthenticationError,
    );
  });

  it("may break off a stream", async () => {
    const openai = await client();
    const stream = await openai.completions.create({ model: "replay", prompt, max_tokens: 100, stream: true });
    for await (const _ of stream) break;
    expect((await openai.completions.create({ model: "replay", prompt, max_tokens: 3 })).choices[0]?.text).toBe(
      "It has four",
    );
  });
});
