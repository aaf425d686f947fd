import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mcNemarExact } from "../../../pipeline/core/statistics/mcnemar.ts";

const count = fc.nat({ max: 3000 });

/** The share of all 2ⁿ ways that n pairs can turn out which are at least as lopsided, counted in whole numbers. */
function counted(gained: number, lost: number): number {
  const n = gained + lost;
  let [coefficient, asLopsided] = [1n, 0n];
  for (let k = 0; k <= n; k += 1) {
    if (Math.abs(n - 2 * k) >= Math.abs(gained - lost)) asLopsided += coefficient;
    coefficient = (coefficient * BigInt(n - k)) / BigInt(k + 1);
  }
  return Number((asLopsided * 10n ** 30n) / 2n ** BigInt(n)) / 1e30;
}

describe("mcNemarExact", () => {
  it("is the share of all outcomes that are at least as lopsided", () => {
    for (let gained = 0; gained <= 20; gained += 1) {
      for (let lost = 0; lost <= 20; lost += 1) {
        expect(mcNemarExact(gained, lost)).toBeCloseTo(counted(gained, lost), 13);
      }
    }
    expect(mcNemarExact(1100, 1250) / counted(1100, 1250)).toBeCloseTo(1, 9);
    expect(mcNemarExact(2000, 1700) / counted(2000, 1700)).toBeCloseTo(1, 9);
  });

  it("is 1 without a pair that differs", () => {
    expect(mcNemarExact(0, 0)).toBe(1);
  });

  it("takes six pairs on one side to be below 0.05", () => {
    expect(mcNemarExact(5, 0)).toBeCloseTo(0.0625, 14);
    expect(mcNemarExact(6, 0)).toBeCloseTo(0.03125, 14);
  });

  it("is a chance, the same for both directions, and falls as one side grows", () => {
    fc.assert(
      fc.property(count, count, (gained, lost) => {
        const pValue = mcNemarExact(gained, lost);
        expect(pValue).toBeGreaterThanOrEqual(0);
        expect(pValue).toBeLessThanOrEqual(1);
        expect(mcNemarExact(lost, gained)).toBe(pValue);
        const more = Math.max(gained, lost);
        expect(mcNemarExact(more + 1, Math.min(gained, lost))).toBeLessThanOrEqual(pValue);
      }),
    );
  });
});
