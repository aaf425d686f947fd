import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clopperPearson } from "../../../pipeline/core/statistics/clopper-pearson.ts";
import { poissonBinomial } from "../../../pipeline/core/statistics/poisson-binomial.ts";

const observed = fc
  .integer({ min: 1, max: 2000 })
  .chain((trials) => fc.tuple(fc.nat({ max: trials }), fc.constant(trials)));

describe("clopperPearson", () => {
  it("has closed forms without successes and without failures", () => {
    for (const trials of [1, 5, 90]) {
      const high = 1 - 0.025 ** (1 / trials);
      expect(clopperPearson(0, trials)).toEqual({ low: 0, high: expect.closeTo(high, 12) });
      expect(clopperPearson(trials, trials)).toEqual({ low: expect.closeTo(1 - high, 12), high: 1 });
    }
  });

  it("holds a chance at least as often as its level says, whatever the chance", () => {
    for (const [trials, level] of [
      [1, 0.9],
      [12, 0.95],
      [40, 0.8],
    ] as const) {
      const intervals = Array.from({ length: trials + 1 }, (_, successes) => clopperPearson(successes, trials, level));
      for (let chance = 0.01; chance < 1; chance += 0.01) {
        const distribution = poissonBinomial(Array.from({ length: trials }, () => chance));
        const covered = intervals.reduce(
          (sum, { low, high }, successes) =>
            sum + (low <= chance && chance <= high ? (distribution[successes] ?? 0) : 0),
          0,
        );
        expect(covered, `${trials} trials of ${chance}`).toBeGreaterThanOrEqual(level);
      }
    }
  });

  it("holds the share, lies within [0, 1], mirrors failures, and rises with successes", () => {
    fc.assert(
      fc.property(observed, fc.double({ min: 0.5, max: 0.999, noNaN: true }), ([successes, trials], level) => {
        const { low, high } = clopperPearson(successes, trials, level);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(successes / trials);
        expect(high).toBeGreaterThanOrEqual(successes / trials);
        expect(high).toBeLessThanOrEqual(1);
        const mirrored = clopperPearson(trials - successes, trials, level);
        expect(mirrored.low).toBeCloseTo(1 - high, 10);
        if (successes === trials) return;
        const next = clopperPearson(successes + 1, trials, level);
        expect(next.low).toBeGreaterThan(low);
        expect(next.high).toBeGreaterThan(high);
      }),
    );
  });

  it("refuses what are no counts of successes", () => {
    for (const [successes, trials] of [
      [0, 0],
      [3, 2],
      [-1, 2],
      [Number.NaN, 2],
    ] as const) {
      expect(() => clopperPearson(successes, trials)).toThrow(RangeError);
    }
  });
});
