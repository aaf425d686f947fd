import { describe, expect, it } from "vitest";
import { anEngine, aRequest, aServer, engineOn, fence } from "./engine-under-test.ts";

const answer = () => "Yes.";
const prompt = "p".repeat(400); // 100 tokens for the scripted server, at most 408 by its bytes

describe("max_tokens", () => {
  it("is what is wanted, without a question, when even the longest prompt leaves room", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 508 });
    await generate({ prompt, maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(100);
    expect(server.others).toEqual([]);
  });

  it("is what is wanted, after a question, when the prompt is short enough", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 507 });
    await generate({ prompt, maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(100);
    expect(server.others).toMatchObject([
      { path: "/tokenize", body: { model: "scripted", prompt, add_special_tokens: true } },
    ]);
  });

  it("is what the context leaves", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 130 });
    await generate({ prompt, maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(30);
  });

  it("counts the text so far", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 130 });
    await generate({ prompt, text: "t".repeat(80), maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(10);
  });

  it("believes the caller's bound", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 250 });
    await generate({ prompt, promptTokensAtMost: 150, maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(100);
    expect(server.others).toEqual([]);
  });

  it("is the server's word on its context, once connected, or the config's where that is smaller", async () => {
    for (const [configured, expected] of [
      [undefined, 30],
      [120, 20],
      [9999, 30],
    ] as const) {
      const { engine, generate, server } = await engineOn(answer, { maxModelLen: configured }, { maxModelLen: 130 });
      await engine.connect();
      await generate({ prompt, maxTokens: 100 });
      expect(server.log[0]?.body.max_tokens).toBe(expected);
    }
  });

  it("is what is wanted where nobody knows the context", async () => {
    const { engine, generate, server } = await engineOn(answer, {}, { maxModelLen: null });
    await engine.connect();
    await generate({ prompt: "p".repeat(100_000), maxTokens: 5000 });
    expect(server.log[0]?.body.max_tokens).toBe(5000);
  });

  it("is found for messages with their template", async () => {
    const { generate, server } = await engineOn(answer, {
      maxModelLen: 130,
      transport: "chat",
      chat: { system: "s".repeat(40), user: "{problem}" },
    });
    await generate({ statement: "q".repeat(160), text: "t".repeat(200), maxTokens: 100 });
    expect(server.others[0]?.body).toMatchObject({
      messages: [{ role: "system" }, { role: "user" }, { role: "assistant" }],
      add_generation_prompt: false,
      continue_final_message: true,
    });
    expect(server.log[0]?.body.max_tokens).toBe(30);
  });

  it("is estimated where there is no /tokenize, which is asked for once only", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 200 }, { tokenize: null });
    await generate({ prompt, maxTokens: 100 }); // 400 bytes: about 160 tokens
    await generate({ prompt, maxTokens: 100 });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([40, 40]);
    expect(server.others).toHaveLength(1);
  });

  it("is estimated, without a question, in the openai dialect", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 200, dialect: "openai" });
    await generate({ prompt, maxTokens: 100 });
    expect(server.log[0]?.body.max_tokens).toBe(40);
    expect(server.others).toEqual([]);
  });

  it.each([{ status: 500 }, { raw: '{"count":"many"}' }, { raw: "null" }, { reset: true }])(
    "is estimated when /tokenize keeps failing: %j",
    async (fault) => {
      const intercept = (path: string) => (path === "/tokenize" ? fault : undefined);
      const { generate, server } = await engineOn(answer, { maxModelLen: 200 }, { intercept });
      expect(await generate({ prompt, maxTokens: 100 })).toMatchObject({ kind: "generation" });
      expect(server.log[0]?.body.max_tokens).toBe(40);
    },
  );
});

describe("a count of tokens", () => {
  it.each([{ status: 503 }, { raw: "null" }, { reset: true }])(
    "is asked for again after a fault: %j",
    async (fault) => {
      let asked = 0;
      const intercept = (path: string) => (path === "/tokenize" && ++asked < 3 ? fault : undefined);
      const { generate, server, waits } = await engineOn(answer, { maxModelLen: 130 }, { intercept });
      await generate({ prompt, maxTokens: 100 });
      expect(server.log[0]?.body.max_tokens).toBe(30);
      expect(waits).toEqual([250, 500]);
    },
  );
});

describe("a full context", () => {
  it("is told without a generation when the prompt fills it", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 100 });
    expect(await generate({ prompt, maxTokens: 100 })).toEqual({ kind: "context-full" });
    expect(server.log).toEqual([]);
  });

  it("still has room for a last token", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 101 });
    expect(await generate({ prompt, maxTokens: 100 })).toMatchObject({ kind: "generation" });
    expect(server.log[0]?.body.max_tokens).toBe(1);
  });

  it("is told when /tokenize itself refuses so long a text", async () => {
    const message = "This model's maximum context length is 100 tokens. However, you requested 0 output tokens and …";
    const intercept = (path: string) => (path === "/tokenize" ? { status: 400, message } : undefined);
    const { generate, server } = await engineOn(answer, { maxModelLen: 100 }, { intercept });
    expect(await generate({ prompt, maxTokens: 100 })).toEqual({ kind: "context-full" });
    expect(server.log).toEqual([]);
  });

  it("is not decided by an estimate: the server is asked", async () => {
    const { generate, server } = await engineOn(answer, { maxModelLen: 110, dialect: "openai" });
    expect(await generate({ prompt, maxTokens: 50 })).toMatchObject({ kind: "generation" });
    expect(server.log[0]?.body.max_tokens).toBe(50);
  });
});

describe("a refusal because of the context", () => {
  const refuse = (message: string) => (asked: { body: { max_tokens: number } }) =>
    asked.body.max_tokens > 20 ? { status: 400, message } : "short";
  const context = "This model's maximum context length is 4096 tokens.";

  it("is answered with as many tokens as its numbers leave", async () => {
    const message = `'max_tokens' is too large: 100. ${context} and your request has 4080 input tokens (100 > 4096 - 4080).`;
    const { generate, server, waits } = await engineOn(refuse(message));
    expect(await generate()).toMatchObject({ kind: "generation", text: "short", requestId: "set/p:1:0:2:0:1" });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([100, 16]);
    expect(waits).toEqual([]);
  });

  it("is a full context where its numbers leave nothing", async () => {
    const message = `${context} However, your request has 4096 input tokens. Please reduce the length.`;
    const { generate, server } = await engineOn(refuse(message));
    expect(await generate()).toEqual({ kind: "context-full" });
    expect(server.log).toHaveLength(1);
  });

  it("is a full context where the server lowered max_tokens to nothing", async () => {
    const message = "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"; // vLLM 0.32
    const { generate, server } = await engineOn(refuse(message));
    expect(await generate()).toEqual({ kind: "context-full" });
    expect(server.log).toHaveLength(1);
  });

  it("is a full context where it has no numbers", async () => {
    const { generate } = await engineOn(refuse("context_length_exceeded"), { dialect: "openai" });
    expect(await generate()).toEqual({ kind: "context-full" });
  });

  it("is a full context the second time", async () => {
    const message = `${context} However, you requested 4106 tokens (4006 in your prompt; 100 for the completion).`;
    const { generate, server } = await engineOn(() => ({ status: 400, message }));
    expect(await generate()).toEqual({ kind: "context-full" });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([100, 90]);
  });

  // vLLM stops counting at context length - max_tokens + 1, so its "at least" is always one too many.
  const atLeast = `${context} However, you requested 100 output tokens and your prompt contains at least 3997 input tokens, for a total of at least 4097 tokens.`;

  it("is answered with an exact count where the server stopped counting", async () => {
    const { generate, server } = await engineOn(refuse(atLeast), {}, { tokenize: () => 4090 });
    expect(await generate()).toMatchObject({ kind: "generation" });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([100, 6]);
  });

  it("is answered with half where nobody can count", async () => {
    const halves = ({ body }: { body: { max_tokens: number } }) =>
      body.max_tokens > 50 ? { status: 400, message: atLeast } : "short";
    const { generate, server } = await engineOn(halves, { dialect: "openai" });
    expect(await generate()).toMatchObject({ kind: "generation" });
    expect(server.log.map(({ body }) => body.max_tokens)).toEqual([100, 50]);
  });

  it("does not use up an attempt", async () => {
    const message = `${context} However, your request has 4080 input tokens.`;
    const { generate } = await engineOn(refuse(message), { maxAttempts: 1 });
    expect(await generate()).toMatchObject({ kind: "generation" });
  });

  it("is told from other refusals", async () => {
    const { generate } = await engineOn(() => ({ status: 400, message: "stop must have at most 4 elements" }));
    expect(await generate()).toMatchObject({ kind: "engine-failed" });
  });
});

it("keeps a whole turn within a small context, turn after turn", async () => {
  const server = await aServer(
    ({ body }) => ({ text: `go on\n${fence}`, finish: body.max_tokens < 5 ? "length" : "stop" }),
    {
      maxModelLen: 60,
    },
  );
  const engine = anEngine({ baseUrls: [server.baseUrl] });
  await engine.connect();
  let text = "";
  const kinds: string[] = [];
  for (let turn = 0; turn < 12; turn += 1) {
    const result = await engine.generate(aRequest({ requestId: `set/p:0:0:${turn}`, text, maxTokens: 40 }));
    kinds.push(result.kind);
    if (result.kind !== "generation") break;
    text += `${result.text}7\n\`\`\`\n`;
  }
  expect(kinds.at(-1)).toBe("context-full");
  for (const { body } of server.log) {
    expect(Math.ceil(body.prompt.length / 4) + body.max_tokens).toBeLessThanOrEqual(60);
  }
});
