import { describe, expect, it } from "vitest";
import type { ScriptedReply } from "../../helpers/scripted-engine.ts";
import { engineOn, fence } from "./engine-under-test.ts";

const one = (reply: ScriptedReply) => () => reply;

describe("the end of a text in vLLM's dialect", () => {
  it("is the stop string that the server names", async () => {
    const { generate } = await engineOn(one({ text: `x\n${fence}`, stop: fence }));
    expect(await generate()).toMatchObject({ finish: "stop", text: `x\n${fence}`, stopString: fence });
  });

  it("is given back to a text whose server cut it", async () => {
    const { generate } = await engineOn(one({ text: "x\n", stop: fence }));
    expect(await generate()).toMatchObject({ text: `x\n${fence}`, stopString: fence });
  });

  it("is cut from a text whose server kept it against our wish", async () => {
    const { generate, server } = await engineOn(one({ text: `x\n${fence}`, stop: fence }));
    expect(await generate({ keepStop: false })).toMatchObject({ text: "x\n", stopString: fence });
    expect(server.log[0]?.body.include_stop_str_in_output).toBe(false);
  });

  it.each([
    ["null", null],
    ["a stop token's id", 32021],
    ["a string that nobody asked for", "<|server|>"],
  ])("is the model's own where stop_reason is %s", async (_, stop) => {
    const { generate } = await engineOn(one({ text: `The answer ${fence}`, stop }));
    const result = await generate();
    expect(result).toMatchObject({ kind: "generation", finish: "stop", text: `The answer ${fence}` });
    expect(result).not.toHaveProperty("stopString");
  });

  it("is the model's own where there is no stop_reason", async () => {
    const raw = JSON.stringify({ choices: [{ text: "Done", finish_reason: "stop" }] });
    const { generate } = await engineOn(one({ raw }));
    expect(await generate()).not.toHaveProperty("stopString");
  });

  it("is the token limit", async () => {
    const { generate } = await engineOn(one({ text: "and so", finish: "length" }));
    expect(await generate()).toMatchObject({ finish: "length", text: "and so" });
  });

  it("may come at once", async () => {
    const { generate } = await engineOn(one(""));
    expect(await generate()).toMatchObject({ kind: "generation", finish: "stop", text: "" });
  });
});

describe("the end of a text in the openai dialect", () => {
  const openai = { dialect: "openai" } as const;

  it("is a stop string only where the text shows it", async () => {
    const { generate } = await engineOn(one({ text: `x\n${fence}`, stop: null }), openai);
    expect(await generate()).toMatchObject({ text: `x\n${fence}`, stopString: fence, finish: "stop" });
    expect(await generate({ keepStop: false })).toMatchObject({ text: "x\n", stopString: fence });
  });

  it("is unknown where a stop string may have been cut", async () => {
    const { generate } = await engineOn(one({ text: "x\n", stop: null }), openai);
    const result = await generate();
    expect(result).toMatchObject({ text: "x\n", finish: "stop" });
    expect(result).not.toHaveProperty("stopString");
  });

  it.each(["stop", "length"])("is the first stop string, also where the server wrote on (%s)", async (finish) => {
    const { generate } = await engineOn(one({ text: `x\n${fence}7\n\`\`\`\n${fence}`, stop: null, finish }), openai);
    expect(await generate()).toMatchObject({ text: `x\n${fence}`, stopString: fence, finish: "stop" });
  });
});

describe("a reply that is no whole text", () => {
  const ok = { text: "fine", finish_reason: "stop" };
  const cases: [string, ScriptedReply, RegExp][] = [
    ["an aborted generation", { text: "ha", finish: "abort" }, /finish_reason "abort"/u],
    ["a failed generation", { text: "ha", finish: "error" }, /finish_reason "error"/u],
    ["a text without an end", { text: "ha", finish: null }, /finish_reason null/u],
    ["an unknown end", { text: "ha", finish: "content_filter" }, /content_filter/u],
    ["no finish_reason", { raw: '{"choices":[{"text":"ha"}]}' }, /finish_reason missing/u],
    ["no choices", { raw: '{"id":"x","choices":[],"usage":{}}' }, /not a completion \(choices/u],
    ["choices of a wrong type", { raw: '{"choices":{}}' }, /choices: /u],
    ["a text of a wrong type", { raw: JSON.stringify({ choices: [{ ...ok, text: 5 }] }) }, /choices\.0\.text/u],
    ["no text", { raw: JSON.stringify({ choices: [{ finish_reason: "stop" }] }) }, /choices\.0\.text/u],
    ["null", { raw: "null" }, /not a completion \(null\)/u],
    ["a number", { raw: "7" }, /not a completion \(7\)/u],
    ["nothing", { raw: "" }, /it is empty/u],
    ["HTML", { raw: "<html>hello</html>", contentType: "text/html" }, /it begins "<html>/u],
    ["HTML that claims to be JSON", { raw: "<html>hello</html>" }, /not JSON/u],
    ["half a JSON", { raw: '{"choices":[{"text":"ha' }, /not JSON/u],
    ["an error with status 200", { raw: '{"error":{"message":"engine is dead"}}' }, /engine is dead/u],
    ["more than can be", { raw: Buffer.alloc(2 ** 20, "a") }, /larger than any that was asked for/u],
    ["a reply cut off on its way", { text: "a".repeat(1000), cutAfterBytes: 500 }, /before the reply was whole/u],
  ];

  it.each(cases)("is asked for again: %s", async (_, reply) => {
    const { generate, server } = await engineOn(({ attempt }) => (attempt === 0 ? reply : "good"));
    expect(await generate()).toMatchObject({ kind: "generation", text: "good" });
    expect(server.log).toHaveLength(2);
  });

  it.each(cases)("is named when all attempts end so: %s", async (_, reply, reason) => {
    const { generate } = await engineOn(one(reply), { maxAttempts: 1 });
    expect(await generate()).toMatchObject({
      kind: "engine-failed",
      reason: expect.stringMatching(reason),
      attempts: 1,
    });
  });

  it("is a chat message without content", async () => {
    const raw = JSON.stringify({ choices: [{ message: { content: null, reasoning: "hm" }, finish_reason: "stop" }] });
    const { generate } = await engineOn(one({ raw }), { transport: "chat", maxAttempts: 1 });
    expect(await generate()).toMatchObject({ reason: expect.stringContaining("choices.0.message.content") });
  });
});

describe("what else a reply tells", () => {
  it("is its tokens, cached ones too", async () => {
    const usage = { prompt_tokens: 11, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 8 } };
    const { generate } = await engineOn(one({ text: "x", usage }));
    expect(await generate()).toMatchObject({ tokens: { prompt: 11, completion: 5, cached: 8 } });
  });

  it("is no cached tokens where the server does not count them", async () => {
    const usage = { prompt_tokens: 11, completion_tokens: 5, prompt_tokens_details: null };
    const { generate } = await engineOn(one({ text: "x", usage }));
    expect(await generate()).toMatchObject({ tokens: { prompt: 11, completion: 5 } });
  });

  it.each([null, {}, { prompt_tokens: -1, completion_tokens: "x" }])(
    "does not matter where it is missing or wrong (%j): tokens are estimated",
    async (usage) => {
      const { generate } = await engineOn(one({ text: "é".repeat(10), usage }));
      const result = await generate({ prompt: "x".repeat(25) });
      expect(result).toMatchObject({ kind: "generation", tokens: { prompt: 10, completion: 5 } });
    },
  );

  it("can always be written to a file: half a surrogate pair is replaced", async () => {
    const raw = `{"choices":[{"text":"a\\ud83d b","finish_reason":"stop"}]}`;
    const { generate } = await engineOn(one({ raw }));
    expect(await generate()).toMatchObject({ text: "a\ufffd b" });
  });

  it("arrives whole when it arrives in pieces that split characters", async () => {
    const { generate } = await engineOn(one({ text: "π ≈ 🥧".repeat(5), drip: 97 }));
    expect(await generate()).toMatchObject({ text: "π ≈ 🥧".repeat(5) });
  });

  it("is how long it took, and no endpoint where there is one server", async () => {
    let clock = 1000;
    const reply = () => {
      clock += 250;
      return "x";
    };
    const { generate } = await engineOn(reply, {}, {}, { now: () => clock });
    const result = await generate();
    expect(result).toMatchObject({ milliseconds: 250 });
    expect(result).not.toHaveProperty("endpoint");
  });
});
