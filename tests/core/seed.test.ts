import { describe, expect, it } from "vitest";
import { randomStream, seedOf, shuffled } from "../../pipeline/core/seed.ts";

describe("seedOf", () => {
  it("is stable, and another one for every turn of a run", () => {
    const key = { problemId: "aime/83", replicate: 0, candidate: 0, turn: 0 };
    expect(seedOf(42, key)).toBe(seedOf(42, { ...key }));
    const seeds = new Set<number>();
    for (let candidate = 0; candidate < 48; candidate += 1) {
      for (let turn = 0; turn < 4; turn += 1) seeds.add(seedOf(42, { ...key, candidate, turn }));
    }
    expect(seeds.size).toBe(48 * 4);
    expect(Math.max(...seeds)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
    expect(seedOf(42, { ...key, problemId: "aime/8", candidate: 3 })).not.toBe(
      seedOf(42, { ...key, problemId: "aime/83" }),
    );
  });
});

describe("shuffled", () => {
  it("is a permutation that its seed decides", () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const order = shuffled(items, randomStream(7));
    expect(order).toEqual(shuffled(items, randomStream(7)));
    expect(order).not.toEqual(shuffled(items, randomStream(8)));
    expect(order.toSorted((a, b) => a - b)).toEqual(items);
  });
});
