import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { type Served, serveModel } from "./llama-fixture.ts";

const requests = Array.from({ length: 32 }, (_, seed) => ({
  prompt: `Problem ${seed % 5}: ${"how many? ".repeat(1 + (seed % 3))}`,
  seed: 1000 + seed,
  max_tokens: 20 + (seed % 7),
  temperature: 0.8,
}));

describe("a seed", () => {
  let served: Served;
  let alone: string[];

  beforeAll(async () => {
    served = await serveModel({ sequences: 32 });
    alone = [];
    for (const request of requests) alone.push((await served.complete(request)).text);
  });
  afterAll(() => served.close());

  it("gives the same text again, and another seed another one", async () => {
    const [first, second] = requests;
    expect((await served.complete(first ?? {})).text).toBe(alone[0]);
    expect(new Set(alone).size).toBe(requests.length);
    expect((await served.complete({ ...first, seed: second?.seed })).text).not.toBe(alone[0]);
  });

  it("gives the same text among 32 others, in any order, wherever its prompt came from", async () => {
    for (const round of [1, 2]) {
      const order = shuffled([...requests.keys()], randomStream(round));
      const texts = new Map<number, string>();
      await Promise.all(
        order.map(async (index) => texts.set(index, (await served.complete(requests[index] ?? {})).text)),
      );
      expect(requests.map((_, index) => texts.get(index))).toEqual(alone);
    }
  });

  it("gives the same text on another number of sequences and threads", async () => {
    const other = await serveModel({ sequences: 4, threads: 2 });
    try {
      // Threads of a small model wait for each other most of the time.
      const { text } = await other.complete({ ...requests[0], max_tokens: 8 });
      expect(text.length).toBeGreaterThan(2);
      expect(alone[0]?.startsWith(text)).toBe(true);
    } finally {
      await other.close();
    }
  });
});
