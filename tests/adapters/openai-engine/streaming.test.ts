import { describe, expect, it } from "vitest";
import { type ScriptedReply, type ScriptedRequest, until } from "../../helpers/scripted-engine.ts";
import { done, event, streamed } from "../../helpers/streamed-completion.ts";
import { engineOn, fence } from "./engine-under-test.ts";

const text = "π ≈ 22/7, or 🥧\n```output\n";
const usage = {
  prompt_tokens: 11,
  completion_tokens: 9,
  total_tokens: 20,
  prompt_tokens_details: { cached_tokens: 8 },
};
const whole = { choices: [{ index: 0, text, finish_reason: "stop", stop_reason: fence }], usage };
const expected = { text, finish: "stop", stopString: fence, tokens: { prompt: 11, completion: 9, cached: 8 } };

const part = (fields: object) => event({ choices: [{ index: 0, finish_reason: null, stop_reason: null, ...fields }] });
const last = (fields: object = {}) => part({ text: "", finish_reason: "stop", ...fields });

/** An engine that streams, on a server that says this. */
function streaming(reply: ScriptedReply | ((request: ScriptedRequest) => ScriptedReply), config = {}) {
  return engineOn(typeof reply === "function" ? reply : () => reply, {
    streaming: true,
    requestTimeoutSeconds: 60,
    ...config,
  });
}

describe("a streamed reply", () => {
  it.each(["completions", "chat"] as const)("is the one that would have come in one piece (%s)", async (transport) => {
    const reply = { text, usage };
    const { generate, server } = await streaming(reply, { transport });
    const { generate: generateAtOnce } = await engineOn(() => reply, { transport });
    const streamed = await generate();
    expect(streamed).toMatchObject({ kind: "generation", ...expected });
    const { firstTokenMilliseconds: _, milliseconds: __, ...rest } = streamed as Record<string, unknown>;
    expect(await generateAtOnce()).toMatchObject(rest);
    expect(server.log[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it.each([
    ["the text of a limit", { text: "half a", finish: "length" }, { text: "half a", finish: "length" }],
    ["an end at once", { text: "" }, { text: "", finish: "stop" }],
    ["a stop string that the server cut off", { text: "x\n", stop: fence }, { text: `x\n${fence}`, stopString: fence }],
  ])("may be %s", async (_, reply, result) => {
    const { generate } = await streaming(reply);
    expect(await generate()).toMatchObject({ kind: "generation", ...result });
  });

  it("tells when its first token came", async () => {
    let now = 1000;
    const reply = { pieces: [part({ text: "" }), ": still there\n\n", part({ text: "a" }), last(), done] };
    const tell = (piece: string | undefined) => {
      if (piece !== undefined) now += 250;
    };
    const ports = { now: () => now };
    const { engine, generate } = await engineOn(() => reply, { streaming: true }, {}, ports);
    const result = await generate({ onText: tell });
    expect(result).toMatchObject({ firstTokenMilliseconds: 0, milliseconds: 250 });
    await engine.close();
  });

  it("is told piece by piece", async () => {
    const told: (string | undefined)[] = [];
    const { generate } = await streaming({ text, usage });
    await generate({ onText: (piece) => told.push(piece) });
    expect(told.length).toBeGreaterThan(3);
    expect(told[0]).toBeUndefined();
    expect(told.slice(1).join("")).toBe(text);
  });

  it("is told anew when it is asked for again", async () => {
    const told: (string | undefined)[] = [];
    const broken = { pieces: [part({ text: "lo" }), part({ text: "st" })], after: "cut" } as const;
    const { generate } = await streaming(({ attempt }) => (attempt === 0 ? broken : "good"));
    const result = await generate({ onText: (piece) => told.push(piece) });
    expect(result).toMatchObject({ text: "good", requestId: "set/p:1:0:2:0:1" });
    expect(told).toEqual([undefined, "lo", "st", undefined, "good"]);
  });

  it("is read as it comes, by many at once", async () => {
    const long = "All is well. ".repeat(20);
    const reply = ({ candidate }: ScriptedRequest) => ({ text: `${candidate} ${long}` });
    const { generate } = await streaming(reply);
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, candidate) => generate({ requestId: `set/p:0:${candidate}:0` })),
    );
    expect(results).toMatchObject(results.map((_, candidate) => ({ text: `${candidate} ${long}` })));
  });
});

describe("a stream's form", () => {
  const events = streamed(whole);
  const inLines = events.join("");
  const forms: [string, string][] = [
    ["as vLLM writes it", inLines],
    ["with CRLF", inLines.replaceAll("\n", "\r\n")],
    ["with CR", inLines.replaceAll("\n", "\r")],
    ["with a byte order mark", `\ufeff${inLines}`],
    ["with comments and other fields", events.map((one) => `: ping\nid: 7\nretry: 3\nevent: message\n${one}`).join("")],
    ["with data in several lines", inLines.replaceAll('"choices":', '\ndata: "choices":\ndata:')],
    ["without blanks after the colon", inLines.replaceAll("data: ", "data:")],
    ["without a blank line at its end", inLines.trimEnd()],
    ["with its end said twice", inLines + done],
    ["with other choices between", events.flatMap((one) => [one.replace('"index":0', '"index":1'), one]).join("")],
  ];

  it.each(forms)("may be: %s", async (_, form) => {
    const { generate } = await streaming({ pieces: [form] });
    expect(await generate()).toMatchObject(expected);
  });

  it.each(forms)("does not matter when it comes byte by byte: %s", async (_, form) => {
    const pieces = Array.from(Buffer.from(form), (_, at) => Buffer.from(form).subarray(at, at + 1));
    const { generate } = await streaming({ pieces });
    expect(await generate()).toMatchObject(expected);
  });

  it("may lack a usage: tokens are estimated", async () => {
    const { generate } = await streaming({ pieces: streamed(whole, false) });
    const result = await generate({ prompt: "x".repeat(25) });
    expect(result).toMatchObject({ text, tokens: { prompt: 10, completion: 8 } });
  });

  it("may have the usage in each event", async () => {
    const pieces = [
      event({ choices: [{ text: "a" }], usage: { prompt_tokens: 3, completion_tokens: 1 } }),
      event({ choices: [{ text: "b", finish_reason: "stop" }], usage: { prompt_tokens: 3, completion_tokens: 2 } }),
      done,
    ];
    const { generate } = await streaming({ pieces });
    expect(await generate()).toMatchObject({ text: "ab", tokens: { prompt: 3, completion: 2 } });
  });

  it("may be that of no stream: a reply in one piece is taken as it is", async () => {
    const { generate } = await streaming({ pieces: [JSON.stringify(whole)], contentType: "application/json" });
    const result = await generate();
    expect(result).toMatchObject(expected);
    expect(result).not.toHaveProperty("firstTokenMilliseconds");
  });

  it("may be that of a server that says its end and stays", async () => {
    const { generate } = await streaming({ pieces: [inLines], after: "silence" });
    expect(await generate()).toMatchObject(expected);
  });
});

describe("a stream that is not whole, or not one", () => {
  const begun = part({ text: "The answer is 4" });
  const cases: [string, ScriptedReply, RegExp][] = [
    ["it ends too early", { pieces: [begun] }, /broke off: its \[DONE\] is missing/u],
    ["it ends within an event", { pieces: [begun, begun.slice(0, 30)] }, /not JSON/u],
    ["its connection ends too early", { pieces: [begun], after: "cut" }, /closed before the reply was whole/u],
    ["it ends after its text", { pieces: [begun, last()] }, /\[DONE\] is missing/u],
    ["it has no events", { pieces: [] }, /\[DONE\] is missing/u],
    ["it says its end alone", { pieces: [done] }, /not a completion \(choices/u],
    ["its text has no end", { pieces: [begun, done] }, /finish_reason missing/u],
    ["the server aborted it", { pieces: [begun, last({ finish_reason: "abort" }), done] }, /finish_reason "abort"/u],
    ["it goes on after its [DONE]", { pieces: [begun, last(), done, begun] }, /goes on after its end/u],
    ["its text goes on after its end", { pieces: [begun, last(), begun, done] }, /text that goes on after/u],
    ["a line of it is no field", { pieces: [begun, "HTTP/1.1 200 OK\n", last(), done] }, /Unknown field/u],
    ["an event is not JSON", { pieces: [begun, event("{oops"), last(), done] }, /not JSON \(it begins "\{oops"/u],
    ["an event is something else", { pieces: [begun, event("7"), last(), done] }, /no part of a completion \(7\)/u],
    ["an event has no choices", { pieces: [begun, event({ id: "x" }), last(), done] }, /\(choices: /u],
    ["a text is a number", { pieces: [part({ text: 5 }), last(), done] }, /choices\.0\.text/u],
    ["a part of it came twice", { pieces: doubled("abcdefgh") }, /9 pieces of text for 8 tokens/u],
    [
      "the server failed",
      { pieces: [begun, event({ error: { message: "dead", code: 500 } }), done] },
      /HTTP 500: dead/u,
    ],
    ["it failed, by its own words", { pieces: [begun, event({ error: "dead" }), done] }, /error in the stream: dead/u],
    ["it failed, and says no more", { pieces: [event({ error: {} }), done] }, /an error in the stream/u],
    ["it failed as old servers do", { pieces: [event({ object: "error", message: "dead" }), done] }, /stream: dead/u],
    ["an event has no end", { pieces: [`data: ${"a".repeat(2 ** 20)}`] }, /larger than any that was asked for/u],
    ["it is half a document", { pieces: ['{"choices":'], contentType: "application/json" }, /not JSON/u],
    ["it is a page", { pieces: ["<html>"], contentType: "text/html" }, /it begins "<html>/u],
    ["it is empty", { pieces: [], contentType: "application/json" }, /not a completion/u],
    ["the server is overloaded", { status: 503, message: "busy" }, /HTTP 503: busy/u],
  ];

  /** The events of a text of one character a token, of which the middle one comes twice. */
  function doubled(letters: string): string[] {
    const tokens = [...letters].map((letter) => part({ text: letter }));
    const counted = event({ choices: [], usage: { prompt_tokens: 1, completion_tokens: letters.length } });
    return [...tokens.slice(0, 4), ...tokens.slice(3), last(), counted, done];
  }

  it.each(cases)("is asked for again: %s", async (_, reply) => {
    const { generate, server } = await streaming(({ attempt }) => (attempt === 0 ? reply : "good"));
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(server.log).toHaveLength(2);
  });

  it.each(cases)("is named when all attempts end so: %s", async (_, reply, reason) => {
    const { generate } = await streaming(reply, { maxAttempts: 1 });
    const result = await generate();
    expect(result).toMatchObject({ kind: "engine-failed", reason: expect.stringMatching(reason), attempts: 1 });
  });

  it("is one that nobody asked for", async () => {
    const { generate } = await engineOn(() => ({ pieces: streamed(whole) }), { maxAttempts: 1 });
    expect(await generate()).toMatchObject({ reason: expect.stringContaining('it begins "data: ') });
  });

  it("is a chat of a reasoning parser's words alone", async () => {
    const thought = event({ choices: [{ index: 0, delta: { reasoning_content: "hm" }, finish_reason: null }] });
    const greeting = event({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
    const end = event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    const { generate } = await streaming(
      { pieces: [greeting, thought, end, done] },
      { transport: "chat", maxAttempts: 1 },
    );
    expect(await generate()).toMatchObject({ reason: expect.stringContaining("choices.0.message.content") });
  });

  it("may be a text in more parts than tokens, where the dialect promises nothing", async () => {
    const { generate } = await streaming({ pieces: doubled("abcdefgh") }, { dialect: "openai" });
    expect(await generate()).toMatchObject({ kind: "generation", text: "abcddefgh" });
  });

  it("is no more asked for than any other reply, where the server refuses it", async () => {
    const { generate, server } = await streaming({
      pieces: [event({ error: { message: "no such model", code: 404 } })],
    });
    expect(await generate()).toMatchObject({ kind: "engine-failed", reason: expect.stringContaining("no such model") });
    expect(server.log).toHaveLength(1);
  });

  it("may be one that does not fit: it is asked for with less", async () => {
    const message = "This model's maximum context length is 100 tokens. However, your prompt contains 60 input tokens.";
    const refusal = { pieces: [event({ error: { message, code: 400 } }), done] };
    const { generate, server } = await streaming(({ attempt }) => (attempt === 0 ? refusal : "good"));
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([100, 40]);
  });
});

describe("the time of a stream", () => {
  const begun = part({ text: "The" });

  it("is up when nothing comes any more", async () => {
    const stuck = { pieces: [begun], after: "silence" } as const;
    const { generate, server } = await streaming(stuck, { idleTimeoutSeconds: 0.2, maxAttempts: 1 });
    expect(await generate()).toMatchObject({ reason: expect.stringContaining("no token for 0.2 s") });
    await until(() => server.log[0]?.aborted === true);
  });

  it("is up when nothing comes but signs of life", async () => {
    const pings = Array.from({ length: 100_000 }, () => ": ping\n\n");
    const { generate } = await streaming(
      { pieces: [begun, ...pings], after: "silence" },
      { idleTimeoutSeconds: 0.2, maxAttempts: 1 },
    );
    const result = await generate({ maxTokens: 1_000_000 });
    expect(result).toMatchObject({ reason: expect.stringContaining("no token for 0.2 s") });
  });

  it.each([
    ["it has not begun", []],
    ["it has but greeted", [event({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] })]],
  ])("is the request's alone while %s", async (_, pieces) => {
    const limits = { idleTimeoutSeconds: 0.1, requestTimeoutSeconds: 0.5, maxAttempts: 1, transport: "chat" };
    const { generate } = await streaming({ pieces, after: "silence" }, limits);
    expect(await generate()).toMatchObject({ reason: expect.stringContaining("no answer within 0.5 s") });
  });

  it("is up with the request's, however much comes", async () => {
    const pieces = Array.from({ length: 1_000_000 }, () => begun);
    const { generate } = await streaming({ pieces }, { requestTimeoutSeconds: 0.3, maxAttempts: 1 });
    const result = await generate({ maxTokens: 1_000_000 });
    expect(result).toMatchObject({ reason: expect.stringContaining("no answer within 0.3 s") });
  });

  it("ends at once when nobody wants it any more, and the server learns of it", async () => {
    const { generate, server } = await streaming({ pieces: [begun], after: "silence" });
    const controller = new AbortController();
    const result = generate({ signal: controller.signal, onText: (piece) => piece && controller.abort() });
    expect(await result).toMatchObject({ kind: "aborted" });
    await until(() => server.log[0]?.aborted === true);
    expect(server.log).toHaveLength(1);
  });

  it("ends with the engine's", async () => {
    const { generate, engine, server } = await streaming({ pieces: [begun], after: "silence" });
    const result = generate();
    await until(() => server.running === 1);
    await engine.close();
    expect(await result).toMatchObject({ kind: "aborted" });
    await until(() => server.running === 0);
  });
});

describe("a request for a stream", () => {
  it("has the key, and the id where the body has none", async () => {
    const { generate, server } = await streaming("x", { apiKey: "sesame", dialect: "openai" });
    await generate();
    expect(server.log[0]?.headers).toMatchObject({ authorization: "Bearer sesame", "x-request-id": "set/p:1:0:2:0:0" });
  });

  it("has no key where there is none", async () => {
    const { generate, server } = await streaming("x");
    await generate();
    expect(server.log[0]?.headers).not.toHaveProperty("authorization");
  });

  it("that is refused says why", async () => {
    const { generate } = await engineOn(() => "x", { streaming: true }, { apiKey: "sesame" });
    expect(await generate()).toMatchObject({
      kind: "engine-failed",
      reason: expect.stringMatching(/HTTP 401: Unauth/u),
    });
  });

  it("leaves its connection to the next", async () => {
    const { generate, server } = await streaming("x");
    for (let turn = 0; turn < 5; turn += 1) await generate();
    expect(server.connections).toBeLessThan(5);
  });
});
