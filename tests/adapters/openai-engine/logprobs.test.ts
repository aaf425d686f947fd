import { describe, expect, it } from "vitest";
import { done, event } from "../../helpers/streamed-completion.ts";
import { engineOn, fence } from "./engine-under-test.ts";

const usage = { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 };
const ending = { finish_reason: "stop", stop_reason: fence };
const ofText = { tokens: ["a", "b", "c"], token_logprobs: [-0.25, null, -0.75], top_logprobs: [{}, null, {}] };
const ofChat = { content: [-0.25, -0.75].map((logprob) => ({ token: "a", logprob, bytes: null, top_logprobs: [] })) };
const summary = { tokens: 2, mean: -0.5, lowest: -0.75 };

describe("log probabilities", () => {
  it("are asked for only where they are wanted: of the tokens written, and no others", async () => {
    const texts = await engineOn(() => "Yes.");
    await texts.generate();
    await texts.generate({ logprobs: true });
    expect(texts.server.log.map(({ body }) => body.logprobs)).toEqual([undefined, 0]);
    const chat = await engineOn(() => "Yes.", { transport: "chat" });
    await chat.generate({ logprobs: true });
    expect(chat.server.log[0]?.body).toMatchObject({ logprobs: true });
  });

  it.each([
    ["completions", { text: "abc", logprobs: ofText }],
    ["chat", { message: { content: "abc" }, logprobs: ofChat }],
  ] as const)("are summed up from a reply (%s)", async (transport, choice) => {
    const raw = JSON.stringify({ choices: [{ index: 0, ...choice, ...ending }], usage });
    const { generate } = await engineOn(() => ({ raw }), { transport });
    expect(await generate({ logprobs: true })).toMatchObject({ kind: "generation", logprobs: summary });
  });

  it.each([
    ["completions", (text: string, logprob: number) => ({ text, logprobs: { token_logprobs: [logprob] } })],
    ["chat", (content: string, logprob: number) => ({ delta: { content }, logprobs: { content: [{ logprob }] } })],
  ] as const)("are summed up from a stream (%s)", async (transport, part) => {
    const pieces = [part("a", -0.25), { ...part("b", -0.75), ...ending }].map((choice) =>
      event({ choices: [{ index: 0, finish_reason: null, stop_reason: null, ...choice }] }),
    );
    const reply = { pieces: [...pieces, event({ choices: [], usage }), done], contentType: "text/event-stream" };
    const { generate } = await engineOn(() => reply, { transport, streaming: true });
    expect(await generate({ logprobs: true })).toMatchObject({ kind: "generation", logprobs: summary });
  });

  it("that are missing, empty or nonsense are none, and cost no attempt", async () => {
    for (const logprobs of [null, undefined, {}, { token_logprobs: [] }, { token_logprobs: "no" }, 7]) {
      const raw = JSON.stringify({ choices: [{ index: 0, text: "abc", logprobs, ...ending }], usage });
      const { generate, server } = await engineOn(() => ({ raw }));
      const generation = await generate({ logprobs: true });
      expect(generation).toMatchObject({ kind: "generation", text: `abc${fence}` });
      expect(generation).not.toHaveProperty("logprobs");
      expect(server.log).toHaveLength(1);
    }
  });
});
