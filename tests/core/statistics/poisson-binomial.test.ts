import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binomial } from "../../../pipeline/core/binomial.ts";
import { poissonBinomial } from "../../../pipeline/core/statistics/poisson-binomial.ts";

const chances = (maxLength: number) => fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength });

/** Goes through all 2ⁿ outcomes. */
function counted(chances: readonly number[]): number[] {
  const distribution = Array.from({ length: chances.length + 1 }, () => 0);
  for (let outcome = 0; outcome < 2 ** chances.length; outcome += 1) {
    const succeeds = chances.map((_, trial) => (outcome >> trial) % 2 === 1);
    const probability = chances.reduce(
      (product, chance, trial) => product * (succeeds[trial] ? chance : 1 - chance),
      1,
    );
    const successes = succeeds.filter(Boolean).length;
    distribution[successes] = (distribution[successes] ?? 0) + probability;
  }
  return distribution;
}

describe("poissonBinomial", () => {
  it("is what all outcomes add up to", () => {
    fc.assert(
      fc.property(chances(8), (each) => {
        expect([...poissonBinomial(each)]).toEqual(counted(each).map((probability) => expect.closeTo(probability, 13)));
      }),
    );
  });

  it("is the binomial distribution where chances are equal", () => {
    const distribution = poissonBinomial(Array.from({ length: 50 }, () => 0.3));
    for (let k = 0; k <= 50; k += 1) {
      expect((distribution[k] ?? 0) / (binomial(50, k) * 0.3 ** k * 0.7 ** (50 - k))).toBeCloseTo(1, 11);
    }
  });

  it("adds up to 1, with the sum of the chances as its mean", () => {
    fc.assert(
      fc.property(chances(300), (each) => {
        const distribution = poissonBinomial(each);
        expect(distribution.every((probability) => probability >= 0)).toBe(true);
        expect(distribution.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 11);
        const mean = distribution.reduce((sum, probability, successes) => sum + successes * probability, 0);
        expect(mean).toBeCloseTo(
          each.reduce((sum, chance) => sum + chance, 0),
          9,
        );
      }),
    );
  });

  it("knows what is certain, and is certain of 0 without trials", () => {
    expect([...poissonBinomial([1, 0, 1])]).toEqual([0, 0, 1, 0]);
    expect([...poissonBinomial([])]).toEqual([1]);
  });
});
