import { describe, expect, it } from "vitest";
import { checkGeneration } from "../../../pipeline/adapters/environment/smoke-generation.ts";
import type { Engine, Generation, GenerationRequest, NoGeneration } from "../../../pipeline/stages/ports.ts";

type Reply = Pick<Generation, "text"> & Partial<Generation>;

async function checkOf(reply: (request: GenerationRequest) => Reply | NoGeneration) {
  const engine: Engine = {
    connect: () => Promise.reject(new Error("not asked for")),
    async generate(request) {
      const answer = reply(request);
      if (answer.kind === "engine-failed" || answer.kind === "aborted" || answer.kind === "context-full") return answer;
      const { requestId } = request;
      const tokens = { prompt: 12, completion: 24 };
      return { requestId, finish: "length", tokens, milliseconds: 400, ...answer, kind: "generation" };
    },
    close: async () => {},
  };
  const results = await checkGeneration(engine);
  return (name: string) => results.find(({ check }) => check === name);
}

const greedy = " 305, 771, 204";
/** A server that does all as it should: text by seed, cut after the stop string. */
function good({ temperature, seed, stop }: GenerationRequest): Reply {
  const text = temperature === 0 ? greedy : ` ${seed * 111}, 5`;
  const [piece] = stop;
  if (piece === undefined || !text.includes(piece)) return { text };
  return { text: text.slice(0, text.indexOf(piece) + piece.length), finish: "stop", stopString: piece };
}

describe("the smoke generation", () => {
  it("reports tokens and time, and that stop strings and seeds are honoured", async () => {
    const find = await checkOf(good);
    expect(find("generation")).toMatchObject({ state: "ok", detail: "24 tokens in 400 ms after a prompt of 12" });
    expect(find("stop string")).toMatchObject({ state: "ok" });
    expect(find("seed")).toMatchObject({ state: "ok" });
  });

  it("fails where the server writes on after a stop string", async () => {
    const find = await checkOf((request) => good({ ...request, stop: [] }));
    expect(find("stop string")).toMatchObject({ state: "failed", detail: expect.stringContaining(greedy) });
  });

  it("warns where a stop string is cut off without a word", async () => {
    const find = await checkOf((request) => {
      const { stopString = "", ...reply } = good(request);
      return { ...reply, text: reply.text.slice(0, reply.text.length - stopString.length) };
    });
    expect(find("stop string")).toMatchObject({
      state: "warning",
      mend: expect.stringContaining("executeClosedBlock"),
    });
  });

  it("warns where seeds make no difference, and where the same seed does not repeat", async () => {
    const deaf = await checkOf((request) => good({ ...request, seed: 1 }));
    expect(deaf("seed")).toMatchObject({ state: "warning", detail: expect.stringContaining("two seeds") });
    let count = 0;
    const fickle = await checkOf((request) => {
      count += 1;
      return good({ ...request, seed: count });
    });
    expect(fickle("seed")).toMatchObject({ state: "warning", detail: expect.stringContaining("the same seed") });
  });

  it("warns of a model that writes nothing", async () => {
    const find = await checkOf(() => ({ text: "", finish: "stop" }));
    expect(find("stop string")).toMatchObject({ state: "warning", detail: expect.stringContaining("nothing") });
  });

  it("fails with the server's message, and asks no more", async () => {
    let count = 0;
    const find = await checkOf(() => {
      count += 1;
      return { kind: "engine-failed", reason: "HTTP 500: no kernel image is available", attempts: 1 };
    });
    expect(find("generation")).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("no kernel image"),
      exitCode: 3,
    });
    expect(count).toBe(1);
  });

  it("warns of a server that does not answer in time", async () => {
    const find = await checkOf(() => ({ kind: "aborted" }));
    expect(find("generation")).toMatchObject({ state: "warning", detail: expect.stringContaining("no answer within") });
  });
});
