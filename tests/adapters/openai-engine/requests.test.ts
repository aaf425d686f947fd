import { describe, expect, it } from "vitest";
import { aRequest, engineOn, fence } from "./engine-under-test.ts";

const answer = () => "Yes.";

describe("a request to /v1/completions", () => {
  it("continues prompt and text, with every sampling field of vLLM set", async () => {
    const { generate, server } = await engineOn(answer);
    await generate({ text: "Let me see.\n" });
    expect(server.log[0]?.path).toBe("/v1/completions");
    expect(server.log[0]?.body).toEqual({
      model: "scripted",
      prompt: "### Problem: What is 2 + 2?\n### Solution: Let me see.\n",
      max_tokens: 100,
      temperature: 0.8,
      top_p: 0.95,
      top_k: -1,
      min_p: 0,
      repetition_penalty: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      seed: 1234,
      stop: [fence],
      n: 1,
      include_stop_str_in_output: true,
      skip_special_tokens: true,
      add_special_tokens: true,
      request_id: "set/p:1:0:2:0:0",
      stream: false,
    });
  });

  it("sends standard fields only in the openai dialect, the request's id as a header, the seed in 31 bits", async () => {
    const { generate, server } = await engineOn(answer, { dialect: "openai" });
    await generate({ requestId: "set/é p:0:0:0", seed: 2 ** 52 + 5 });
    expect(server.log[0]?.body).toEqual({
      model: "scripted",
      prompt: "### Problem: What is 2 + 2?\n### Solution: ",
      max_tokens: 100,
      temperature: 0.8,
      top_p: 0.95,
      presence_penalty: 0,
      frequency_penalty: 0,
      seed: 2 ** 21 + 5,
      stop: [fence],
      n: 1,
      stream: false,
    });
    expect(server.log[0]?.headers["x-request-id"]).toBe("set/%C3%A9%20p:0:0:0:0");
  });

  it("leaves seeds below 2^31 as they are in the openai dialect", async () => {
    const { generate, server } = await engineOn(answer, { dialect: "openai" });
    await generate({ seed: 2 ** 31 - 1 });
    await generate({ seed: 0 });
    await generate({ seed: 2 ** 53 - 1 });
    expect(server.log.map(({ body }) => body.seed)).toEqual([2 ** 31 - 1, 0, 2 ** 31 - 2 ** 22]);
  });

  it("sends no header of the OpenAI account that the environment may hold", async () => {
    const before = { ...process.env };
    Object.assign(process.env, { OPENAI_API_KEY: "sk-mine", OPENAI_ORG_ID: "org-mine", OPENAI_PROJECT_ID: "mine" });
    const { generate, server } = await engineOn(answer);
    process.env = before;
    await generate();
    expect(JSON.stringify(server.log[0]?.headers)).not.toMatch(/mine|authorization/iu);
  });

  it("sends the API key as a bearer token, without the line break of the file it came from", async () => {
    const { generate, server } = await engineOn(answer, { apiKey: "secret\n" }, { apiKey: "secret" });
    expect(await generate()).toMatchObject({ kind: "generation" });
    expect(server.log[0]?.headers.authorization).toBe("Bearer secret");
  });

  it("sends a prompt with half a surrogate pair as valid text", async () => {
    const { generate, server } = await engineOn(answer);
    await generate({ prompt: "a\ud83d", text: "b" });
    expect(server.log[0]?.body.prompt).toBe("a\ufffdb");
  });
});

describe("a request to /v1/chat/completions", () => {
  const chat = { transport: "chat", chat: { system: "Be brief.", user: "Solve: {problem} ({problem})" } } as const;

  it("opens with the profile's messages", async () => {
    const { generate, server } = await engineOn(answer, chat);
    await generate({ statement: "Is $& or $1 even?" });
    const { path, body } = server.log[0] ?? {};
    expect(path).toBe("/v1/chat/completions");
    expect(body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Solve: Is $& or $1 even? (Is $& or $1 even?)" },
    ]);
    expect(body).toMatchObject({
      add_generation_prompt: true,
      continue_final_message: false,
      top_k: -1,
      max_tokens: 100,
    });
  });

  it("continues the assistant's message when there is text", async () => {
    const { generate, server } = await engineOn(answer, { ...chat, chat: { user: "{problem}" } });
    await generate({ text: "So far" });
    expect(server.log[0]?.body).toMatchObject({
      messages: [
        { role: "user", content: "What is 2 + 2?" },
        { role: "assistant", content: "So far" },
      ],
      add_generation_prompt: false,
      continue_final_message: true,
    });
    expect(server.log[0]?.body.prompt).toBeUndefined();
  });

  it("sends the text as the last message in the openai dialect, without vLLM's fields", async () => {
    const { generate, server } = await engineOn(answer, { ...chat, dialect: "openai" });
    await generate({ text: "So far" });
    const body = server.log[0]?.body;
    expect(body.messages.at(-1)).toEqual({ role: "assistant", content: "So far" });
    expect(Object.keys(body)).not.toContain("continue_final_message");
    expect(Object.keys(body)).not.toContain("request_id");
  });

  it("reads the message of the reply", async () => {
    const { generate } = await engineOn(() => ({ text: `print(1)\n${fence}` }), chat);
    expect(await generate()).toMatchObject({ kind: "generation", text: `print(1)\n${fence}`, stopString: fence });
  });
});

it("makes requests that differ in nothing but the attempt when one is repeated", async () => {
  const { engine, server } = await engineOn(({ attempt }) => (attempt === 0 ? { status: 500 } : "Yes."));
  expect(await engine.generate(aRequest())).toMatchObject({ kind: "generation", requestId: "set/p:1:0:2:0:1" });
  const [first, second] = server.log.map(({ body }) => body);
  expect(first).toEqual({ ...second, request_id: "set/p:1:0:2:0:0" });
});
