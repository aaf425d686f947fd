import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { mcNemarExact } from "../../../pipeline/core/statistics/mcnemar.ts";
import { pairedPermutation } from "../../../pipeline/core/statistics/paired-permutation.ts";

const unused = () => {
  throw new Error("an exact test draws nothing");
};
const eighths = fc.array(
  fc.integer({ min: -8, max: 8 }).map((sum) => sum / 8),
  { maxLength: 60 },
);
const share = fc.integer({ min: -1e6, max: 1e6 }).map((millionths) => millionths / 1e6); // sums tie, or clearly do not

/** Goes through all 2ⁿ choices of signs. */
function counted(differences: readonly number[]): number {
  const seen = Math.abs(differences.reduce((sum, difference) => sum + difference, 0)) - 1e-9;
  const asFar = (sum: number, place: number): number => {
    const difference = differences[place];
    if (difference === undefined) return Math.abs(sum) >= seen ? 1 : 0;
    return asFar(sum + difference, place + 1) + asFar(sum - difference, place + 1);
  };
  return asFar(0, 0) / 2 ** differences.length;
}

/** Differences without a common part, so many that they are drawn for. */
function scattered(count: number, seed: number): number[] {
  const random = randomStream(seed);
  return Array.from({ length: count }, () => random() - 0.4);
}

describe("pairedPermutation", () => {
  it("is the share of all choices of signs with a mean as far from 0, where differences are means over replicates", () => {
    const few = fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 10 });
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 12 }), (sums, replicates) => {
        const differences = sums.map((sum) => sum / replicates);
        const { pValue, method } = pairedPermutation(differences, { random: unused });
        expect(method).toBe("exact");
        expect(pValue).toBeCloseTo(counted(differences), 12);
      }),
    );
  });

  it("is that share for any few differences", () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 9 }), (differences) => {
        const { pValue } = pairedPermutation(differences, { random: unused });
        expect(pValue).toBeCloseTo(counted(differences), 12);
      }),
    );
  });

  it("is McNemar's test where problems are gained or lost", () => {
    const count = fc.nat({ max: 600 });
    fc.assert(
      fc.property(count, count, count, (gained, lost, others) => {
        const differences = [...Array(gained).fill(1), ...Array(lost).fill(-1), ...Array(others).fill(0)];
        const { pValue } = pairedPermutation(differences, { random: unused });
        const exact = mcNemarExact(gained, lost);
        expect(Math.abs(pValue - exact)).toBeLessThanOrEqual(1e-10 * exact);
      }),
      { numRuns: 50 },
    );
  });

  it("is exact for 721 problems with eight replicates, and with 48 candidates", () => {
    const random = randomStream(5);
    for (const parts of [8, 48]) {
      const differences = Array.from({ length: 721 }, () => Math.round((random() - 0.49) * 2 * parts) / parts);
      expect(pairedPermutation(differences, { random: unused }).method).toBe("exact");
    }
  });

  it("draws for many differences without a common part, and comes as near as it says", () => {
    const differences = scattered(21, 3);
    const exact = counted(differences);
    const test = pairedPermutation(differences, { random: randomStream(1), resamples: 100_000 });
    if (test.method !== "monte-carlo") throw new Error("it should have drawn");
    expect(test.resamples).toBe(100_000);
    expect(test.standardError).toBeCloseTo(Math.sqrt((exact * (1 - exact)) / 100_000), 4);
    expect(Math.abs(test.pValue - exact)).toBeLessThan(4 * test.standardError);
  });

  it("never has a p-value of 0, as the differences themselves are one choice of signs", () => {
    const test = pairedPermutation(scattered(300, 2).map(Math.abs), { random: randomStream(1), resamples: 999 });
    expect(test.pValue).toBe(1 / 1000);
  });

  it("is 1 where nothing differs, rounding aside", () => {
    const none = { pValue: 1, method: "exact" };
    for (const differences of [[], [0], [0, 0, 0], Array(8).fill(0.1 + 0.2 - 0.3)]) {
      expect(pairedPermutation(differences, { random: unused })).toEqual(none);
    }
  });

  it("does not change with the order, the direction, the unit, or problems without a difference", () => {
    fc.assert(
      fc.property(fc.oneof(eighths, fc.array(share, { maxLength: 60 })), fc.nat(), (differences, seed) => {
        const test = (values: readonly number[]) =>
          pairedPermutation(values, { random: randomStream(7), resamples: 200 }).pValue;
        const pValue = test(differences);
        expect(pValue).toBeGreaterThan(0);
        expect(pValue).toBeLessThanOrEqual(1);
        for (const others of [
          shuffled(differences, randomStream(seed)),
          differences.map((difference) => -difference),
          differences.map((difference) => difference * 4),
          [0, ...differences, 0],
        ]) {
          expect(test(others)).toBeCloseTo(pValue, 12);
        }
      }),
    );
  });
});
