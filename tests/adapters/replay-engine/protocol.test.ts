import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { startReplayServer } from "../../../pipeline/adapters/replay-engine/replay-server.ts";
import { UserError } from "../../../pipeline/core/user-error.ts";
import { chat, complete, get, metric, post, recordingsOf, serve } from "./replay-fixture.ts";

const statement = "How many sides has a square?";
const trace = "It has four.\n```python\nprint(4)\n```\n```output\n4\n```\nThe answer is \\boxed{4}.";
const one = recordingsOf({ [statement]: [trace] });
const prompt = `### Problem: ${statement}\n### Solution: `;
const ask = { model: "replay", prompt, max_tokens: 200 };

describe("POST /v1/completions", () => {
  it("answers in vLLM's form", async () => {
    const server = await serve(one);
    const { status, body } = await complete(server, {
      ...ask,
      request_id: "bar/a:0:0:0:0",
      stop: ["```output\n"],
      include_stop_str_in_output: true,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: "cmpl-bar/a:0:0:0:0",
      object: "text_completion",
      model: "replay",
      choices: [
        {
          index: 0,
          text: "It has four.\n```python\nprint(4)\n```\n```output\n",
          finish_reason: "stop",
          stop_reason: "```output\n",
          logprobs: null,
        },
      ],
      usage: { prompt_tokens_details: { cached_tokens: null } },
    });
    const { prompt_tokens, completion_tokens, total_tokens } = body.usage;
    const { body: counted } = await post(server, "/tokenize", { prompt });
    expect(prompt_tokens).toBe(counted.count);
    expect(completion_tokens).toBeGreaterThan(10);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it("cuts before the stop string unless it is to be kept", async () => {
    const { body } = await complete(await serve(one), { ...ask, stop: "```output\n" });
    expect(body.choices[0]).toMatchObject({ text: "It has four.\n```python\nprint(4)\n```\n", finish_reason: "stop" });
  });

  it("ends at the stop string that is complete first, whatever their order", async () => {
    const server = await serve(one);
    for (const stop of [
      ["```python\nprint", "four"],
      ["four", "```python\nprint"],
    ]) {
      const { body } = await complete(server, { ...ask, stop });
      expect(body.choices[0]).toMatchObject({ text: "It has ", stop_reason: "four" });
    }
    // "four." begins earlier than "r.", and is not complete earlier
    const { body } = await complete(server, { ...ask, stop: ["r.", "four."] });
    expect(body.choices[0]).toMatchObject({ text: "It has fou", stop_reason: "r." });
  });

  it("says stop without a reason at the model's own end, and counts the end as a token", async () => {
    const server = await serve(recordingsOf({ [statement]: ["It has four"] }));
    const { body } = await complete(server, ask);
    expect(body.choices[0]).toMatchObject({ text: "It has four", finish_reason: "stop", stop_reason: null });
    expect(body.usage.completion_tokens).toBe(4);
    const { body: exactly } = await complete(server, { ...ask, max_tokens: 3 });
    expect(exactly.choices[0]).toMatchObject({ text: "It has four", finish_reason: "length", stop_reason: null });
    expect(exactly.usage.completion_tokens).toBe(3);
  });

  it("gives 16 tokens where max_tokens is missing or null", async () => {
    const server = await serve(one);
    for (const max_tokens of [undefined, null]) {
      const { body } = await complete(server, { prompt, max_tokens });
      expect(body).toMatchObject({ choices: [{ finish_reason: "length" }], usage: { completion_tokens: 16 } });
    }
  });

  it("lets a stop string win that the last allowed token completes", async () => {
    const { body } = await complete(await serve(one), { ...ask, max_tokens: 3, stop: "four" });
    expect(body.choices[0]).toMatchObject({ text: "It has ", finish_reason: "stop", stop_reason: "four" });
    expect(body.usage.completion_tokens).toBe(3);
  });

  it("lowers max_tokens to what the context has left", async () => {
    const { count } = (await post(await serve(one), "/tokenize", { prompt })).body;
    const server = await serve(one, { maxModelLen: count + 2 });
    for (const max_tokens of [3, count + 2]) {
      const { body } = await complete(server, { ...ask, max_tokens });
      expect(body.choices[0]).toMatchObject({ text: "It has", finish_reason: "length", stop_reason: null });
      expect(body.usage).toMatchObject({ prompt_tokens: count, completion_tokens: 2 });
    }
    const messages = [{ role: "user", content: statement }];
    const chatted = (await post(server, "/tokenize", { messages })).body.count;
    const { body } = await chat(await serve(one, { maxModelLen: chatted + 1 }), { messages });
    expect(body.choices[0]).toMatchObject({ message: { content: "It" }, finish_reason: "length" });
  });

  it("refuses what leaves the context no room, in vLLM's words", async () => {
    const { count } = (await post(await serve(one), "/tokenize", { prompt })).body;
    const refusal = async (maxModelLen: number, fields: object = {}) => {
      const { status, body } = await complete(await serve(one, { maxModelLen }), { ...ask, max_tokens: 5, ...fields });
      expect({ status, type: body.error.type }).toEqual({ status: 400, type: "BadRequestError" });
      return body.error;
    };
    const shorter = count - 1;
    expect(await refusal(shorter)).toMatchObject({
      message:
        `This model's maximum context length is ${shorter} tokens. However, your prompt contains at least ${count} ` +
        "input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the " +
        `input prompt. (parameter=input_tokens, value=${count})`,
      param: "input_tokens",
    });
    expect(await refusal(count)).toMatchObject({
      message: "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
      param: "max_tokens",
    });
    expect(await refusal(count, { max_tokens: count + 1 })).toMatchObject({
      message:
        `max_tokens=${count + 1} cannot be greater than max_model_len=${count}. Please request fewer output tokens. ` +
        `(parameter=max_tokens, value=${count + 1})`,
      param: "max_tokens",
    });
    const unknown = await refusal(40, { prompt: "who ".repeat(100) });
    expect(unknown.param).toBe("input_tokens"); // before anyone asks what is recorded
  });

  it("goes by the id of the header where there are two", async () => {
    const server = await serve(recordingsOf({ [statement]: ["zero", "one"] }));
    const body = { ...ask, request_id: "bar/a:0:0:0:0" };
    const answer = await post(server, "/v1/completions", body, { "x-request-id": "bar/a:0:1:0:0" });
    expect(answer.body).toMatchObject({ id: "cmpl-bar/a:0:1:0:0", choices: [{ text: "one" }] });
  });

  it("samples n children with seed, seed + 1, … and numbers the choices over all prompts", async () => {
    const server = await serve(recordingsOf({ [statement]: ["zero", "one", "two"], "What is 1 + 1?": ["two"] }));
    const { body } = await complete(server, { ...ask, n: 4, seed: 1 });
    expect(body.choices.map((choice: { index: number; text: string }) => [choice.index, choice.text])).toEqual([
      [0, "one"],
      [1, "two"],
      [2, "zero"],
      [3, "one"],
    ]);
    const { body: two } = await complete(server, { ...ask, prompt: [prompt, "What is 1 + 1? "], n: 2 });
    expect(two.choices.map((choice: { index: number; text: string }) => [choice.index, choice.text])).toEqual([
      [0, "zero"],
      [1, "one"],
      [2, "two"],
      [3, "two"],
    ]);
    expect(two.usage.completion_tokens).toBe(8);
  });

  it("takes negative seeds and seeds of 64 bits", async () => {
    const server = await serve(recordingsOf({ [statement]: ["zero", "one", "two"] }));
    const { body } = await complete(server, { ...ask, seed: -1 });
    expect(body.choices[0].text).toBe("two");
    const wide = await post(
      server,
      "/v1/completions",
      `${JSON.stringify(ask).slice(0, -1)},"seed":9223372036854775807}`,
    );
    expect(wide.status).toBe(200);
  });

  it("echoes the prompt when asked, also without generating", async () => {
    const server = await serve(one);
    const { body } = await complete(server, { ...ask, echo: true, max_tokens: 3 });
    expect(body.choices[0].text).toBe(`${prompt}It has four`);
    const { body: scored } = await complete(server, { ...ask, echo: true, max_tokens: 0 });
    expect(scored.choices[0].text).toBe(prompt);
  });

  it("takes token ids that it gave out", async () => {
    const server = await serve(one);
    const { body } = await post(server, "/tokenize", { prompt });
    for (const ids of [body.tokens, [body.tokens]]) {
      const { body: answer } = await complete(server, { ...ask, prompt: ids, max_tokens: 3 });
      expect(answer.choices[0].text).toBe("It has four");
    }
    expect(await complete(server, { ...ask, prompt: [987654] })).toMatchObject({ status: 400 });
  });

  it("ignores fields it does not know", async () => {
    const { status } = await complete(await serve(one), {
      ...ask,
      temperature: 0.8,
      top_p: 1,
      min_p: 0,
      new_field: {},
    });
    expect(status).toBe(200);
  });

  it.each([
    ["an n of 0", { n: 0 }, null, "n must be at least 1, got 0."],
    ["no tokens", { max_tokens: 0 }, "max_tokens", "got 0. (parameter=max_tokens, value=0)"],
    ["fewer", { max_tokens: -1 }, "max_tokens", "got -1. (parameter=max_tokens, value=-1)"],
    ["an empty stop string", { stop: [""] }, null, "stop cannot contain an empty string."],
    ["an empty prompt", { prompt: "" }, "prompt", "non-empty. (parameter=prompt)"],
    ["an empty list of prompts", { prompt: [] }, "prompt", "non-empty. (parameter=prompt)"],
    ["stream options without a stream", { stream_options: {} }, "stream_options", "(parameter=stream_options)"],
    ["a suffix", { suffix: "x" }, "suffix", "FIM"],
  ])("refuses %s", async (_, fields, param, message) => {
    const { status, body } = await complete(await serve(one), { ...ask, ...fields });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: "BadRequestError", code: 400, param });
    expect(body.error.message).toContain(message);
  });

  it.each([
    ["a fraction of tokens", { max_tokens: 1.5 }, "max_tokens"],
    ["a stop that is no text", { stop: 3 }, "stop"],
    ["a prompt that is no text", { prompt: {} }, "prompt"],
    ["a seed that is a text", { seed: "1" }, "seed"],
  ])("refuses %s and names the field", async (_, fields, param) => {
    const { status, body } = await complete(await serve(one), { ...ask, ...fields });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: "Bad Request", code: 400, param: `body.${param}` });
    expect(body.error.message).toMatch(new RegExp(`^1 validation error:\n.*'body.${param}'`, "u"));
  });
});

describe("POST /v1/chat/completions", () => {
  const question = { role: "user", content: `Solve: ${statement}` };

  it("answers a question from the trace's beginning, and fills the context where no limit is given", async () => {
    const { body } = await chat(await serve(one), {
      model: "replay",
      messages: [question],
      request_id: "bar/a:0:0:0:0",
    });
    expect(body).toMatchObject({
      id: "chatcmpl-bar/a:0:0:0:0",
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: trace }, finish_reason: "stop", stop_reason: null }],
    });
  });

  it("continues the last message when it is told to", async () => {
    const server = await serve(one);
    const { body } = await chat(server, {
      messages: [question, { role: "assistant", content: "It has four.\n```python\nprint(4)\n```\n```output\n5\n```" }],
      add_generation_prompt: false,
      continue_final_message: true,
      max_completion_tokens: 200,
    });
    expect(body.choices[0].message.content).toBe("\nThe answer is \\boxed{4}.");
    const { body: parts } = await chat(server, {
      messages: [{ role: "user", content: [{ type: "text", text: statement }] }],
      max_tokens: 2,
    });
    expect(parts.choices[0].message.content).toBe("It has");
  });

  it.each([
    [{ continue_final_message: true, add_generation_prompt: true }],
    [{ continue_final_message: true }], // add_generation_prompt is true by itself
  ])("refuses %o", async (flags) => {
    const { status, body } = await chat(await serve(one), { messages: [question], ...flags });
    expect(status).toBe(400);
    expect(body.error.message).toContain(
      "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
    );
  });

  it("refuses a chat without messages", async () => {
    const { status, body } = await chat(await serve(one), { messages: [] });
    expect(status).toBe(400);
    expect(body.error.param).toBe("body.messages");
  });
});

describe("streaming", () => {
  async function events(url: string, body: object): Promise<string[]> {
    const response = await fetch(url, { method: "POST", body: JSON.stringify({ ...body, stream: true }) });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/u);
    const text = await response.text();
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    return text.split("\n\n").flatMap((event) => (event.startsWith("data: {") ? [event.slice("data: ".length)] : []));
  }

  it("sends the same text and finish as without, then the usage", async () => {
    const server = await serve(one);
    const body = { ...ask, stop: "```output\n" };
    const { body: whole } = await complete(server, body);
    const chunks = (
      await events(`${server.url}/completions`, { ...body, stream_options: { include_usage: true } })
    ).map((event) => JSON.parse(event));
    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(chunks.length).toBeGreaterThan(3);
    expect(choices.map((choice) => choice.text).join("")).toBe(whole.choices[0].text);
    expect(choices.slice(0, -1).every((choice) => choice.finish_reason === null)).toBe(true);
    expect(choices.at(-1)).toMatchObject({ finish_reason: "stop", stop_reason: "```output\n" });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === undefined)).toBe(true);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  it("sends usage with every event when asked, and none when not", async () => {
    const server = await serve(one);
    const options = { include_usage: true, continuous_usage_stats: true };
    const all = await events(`${server.url}/completions`, { ...ask, stream_options: options });
    const usages = all.map((event) => JSON.parse(event).usage);
    expect(usages.every(({ total_tokens }) => total_tokens > 0)).toBe(true);
    expect(usages.filter((usage) => "prompt_tokens_details" in usage)).toEqual([usages.at(-1)]);
    const none = await events(`${server.url}/completions`, ask);
    expect(none.some((event) => event.includes("usage"))).toBe(false);
  });

  it("names a chat's stop reason only where it ends, a completion's everywhere", async () => {
    const server = await serve(one);
    const stopReasons = (chunks: string[]) =>
      chunks.flatMap((event) => JSON.parse(event).choices).map((choice) => choice.stop_reason);
    const body = { ...ask, messages: [{ role: "user", content: statement }], max_tokens: 20 };
    const chatted = stopReasons(await events(`${server.url}/chat/completions`, body));
    expect(chatted).toEqual([...chatted.slice(1).map(() => undefined), null]);
    const completed = stopReasons(await events(`${server.url}/completions`, body));
    expect(completed.length).toBeGreaterThan(1);
    expect(completed.every((reason) => reason === null)).toBe(true);
  });

  it("says what is wrong as an ordinary error when nothing was sent yet", async () => {
    const { status, body } = await complete(await serve(one), { ...ask, prompt: "nobody's", stream: true });
    expect({ status, type: body.error.type }).toEqual({ status: 422, type: "NoRecordingError" });
  });

  it("sends one event for an empty answer", async () => {
    const server = await serve(one);
    const chunks = await events(`${server.url}/completions`, { ...ask, prompt: prompt + trace });
    expect(chunks.map((event) => JSON.parse(event).choices)).toMatchObject([[{ text: "", finish_reason: "stop" }]]);
  });
});

describe("the other endpoints", () => {
  it("GET /v1/models tells the context length", async () => {
    const { text } = await get(await serve(one), "/v1/models");
    expect(JSON.parse(text)).toMatchObject({
      object: "list",
      data: [{ id: "replay", object: "model", owned_by: "vllm", root: "replay", parent: null, max_model_len: 4096 }],
    });
  });

  it("GET /health is empty, GET /version has a version", async () => {
    const server = await serve(one);
    expect(await get(server, "/health")).toEqual({ status: 200, text: "" });
    expect(JSON.parse((await get(server, "/version")).text).version).toMatch(/^\d+\.\d+\.\d+/u);
  });

  it("POST /tokenize shows its tokens when asked", async () => {
    const server = await serve(one);
    const { body } = await post(server, "/tokenize", {
      model: "replay",
      prompt: "x1 = 12\n\n",
      return_token_strs: true,
    });
    expect(body).toMatchObject({ count: 8, token_strs: ["x", "1", " ", "=", " ", "1", "2", "\n\n"] });
  });

  it("POST /tokenize counts what the usage counts, for messages too", async () => {
    const server = await serve(one);
    const messages = [{ role: "user", content: statement }];
    const { body } = await post(server, "/tokenize", { messages });
    const { body: answer } = await chat(server, { messages, max_tokens: 1 });
    expect(body.count).toBe(answer.usage.prompt_tokens);
    expect(body.tokens).toHaveLength(body.count);
    const { body: text } = await post(server, "/detokenize", { tokens: body.tokens });
    expect(text.prompt).toContain(statement);
  });

  it("GET /metrics counts requests, tokens and ends under vLLM's names", async () => {
    const server = await serve(one);
    const { body } = await complete(server, ask);
    await complete(server, { ...ask, max_tokens: 1 });
    const { text } = await get(server, "/metrics");
    for (const name of ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"]) {
      expect(text).toMatch(new RegExp(`^vllm:${name}\\{.*model_name="replay".*\\} 0$`, "mu"));
    }
    expect(await metric(server, "prompt_tokens_total")).toBe(2 * body.usage.prompt_tokens);
    expect(await metric(server, "generation_tokens_total")).toBe(body.usage.completion_tokens + 1);
    expect(await metric(server, "request_success_total", 'finished_reason="stop"')).toBe(1);
    expect(await metric(server, "request_success_total", 'finished_reason="length"')).toBe(1);
  });
});

describe("what goes wrong", () => {
  it("a model that is not served is a 404", async () => {
    const server = await serve(one);
    for (const [path, body] of [
      ["/v1/completions", ask],
      ["/v1/chat/completions", { messages: [{ role: "user", content: statement }] }],
      ["/tokenize", { prompt }],
    ] as const) {
      const answer = await post(server, path, { ...body, model: "other" });
      expect(answer).toMatchObject({
        status: 404,
        body: {
          error: {
            type: "NotFoundError",
            param: "model",
            code: 404,
            message: "The model `other` does not exist. Valid aliases: replay.",
          },
        },
      });
    }
  });

  it("an unknown path is a 404, a wrong method a 405", async () => {
    const server = await serve(one);
    expect(await post(server, "/v1/embeddings", {})).toEqual({ status: 404, body: { detail: "Not Found" } });
    expect(await post(server, "/constructor", {})).toMatchObject({ status: 404 });
    expect(await post(server, "/v1/models", {})).toEqual({ status: 405, body: { detail: "Method Not Allowed" } });
    const response = await fetch(`${server.url}/completions`);
    await response.text();
    expect({ status: response.status, allow: response.headers.get("allow") }).toEqual({ status: 405, allow: "POST" });
  });

  it("a body that is not JSON, or no object, is a 400", async () => {
    const server = await serve(one);
    for (const body of ["", "{", "[1]", '"text"', "null"]) {
      expect(await post(server, "/v1/completions", body)).toMatchObject({
        status: 400,
        body: { error: { type: "Bad Request", param: "body", code: 400 } },
      });
    }
  });

  it("a body of 64 MB is a 413, and the server goes on", async () => {
    const server = await serve(one);
    const { status, body } = await post(server, "/v1/completions", "x".repeat(64_000_000));
    expect({ status, code: body.error.code }).toEqual({ status: 413, code: 413 });
    expect((await complete(server, ask)).status).toBe(200);
  });

  it("asks for the key under /v1 only, if there is one", async () => {
    const server = await serve(one, { apiKey: "secret" });
    expect((await complete(server, ask)).status).toBe(401);
    expect((await post(server, "/v1/completions", ask, { authorization: "Bearer wrong" })).status).toBe(401);
    expect((await post(server, "/v1/completions", ask, { authorization: "Bearer secret" })).status).toBe(200);
    expect((await get(server, "/v1/models")).status).toBe(401);
    expect((await get(server, "/health")).status).toBe(200);
    expect((await post(server, "/tokenize", { prompt })).status).toBe(200);
  });

  it("a port that is taken is a UserError", async () => {
    const { port } = await serve(one);
    const second = startReplayServer({ recordings: one, model: "replay", maxModelLen: 100, port });
    await expect(second).rejects.toThrow(UserError);
    await expect(second).rejects.toThrow(`Port ${port}`);
  });
});

describe("connections", () => {
  it("are kept for the next request", async () => {
    const server = await serve(one);
    const socket = connect(server.port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    const body = JSON.stringify(ask);
    const message = `POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (const answers of [1, 2]) {
      socket.write(message);
      await until(() => received.split("HTTP/1.1 200").length === answers + 1);
    }
    socket.destroy();
  });

  it("that a client ends free their request", async () => {
    const long = "word ".repeat(1_000_000);
    const server = await serve(recordingsOf({ [statement]: [long] }), { maxModelLen: 2_000_000 });
    const client = request(`${server.url}/completions`, { method: "POST" }, (response) => response.pause());
    client.on("error", () => {}); // it ends it itself
    client.end(JSON.stringify({ ...ask, max_tokens: 1_500_000, stream: true }));
    await until(async () => (await metric(server, "num_requests_running")) === 1);
    client.destroy();
    await until(async () => (await metric(server, "num_requests_running")) === 0);
    for (const reason of ["stop", "length", "abort", "error"]) {
      expect(await metric(server, "request_success_total", `finished_reason="${reason}"`), reason).toBe(0);
    }
  });

  it("that end within a body do no harm", async () => {
    const server = await serve(one);
    const socket = connect(server.port, "127.0.0.1");
    socket.write('POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"prompt":');
    await sleep(20);
    socket.destroy();
    expect((await complete(server, ask)).status).toBe(200);
    expect(await metric(server, "num_requests_running")).toBe(0);
  });

  it("are ended by close, those in use too, and closing twice is fine", async () => {
    const server = await startReplayServer({ recordings: one, model: "replay", maxModelLen: 4096 });
    const socket = connect(server.port, "127.0.0.1");
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.write("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{");
    await sleep(20);
    await server.close();
    await server.close();
    await ended;
    await expect(complete(server, ask)).rejects.toThrow();
  });
});

/** Waits for something that happens soon; the test's own time limit is the other end. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(5);
}
