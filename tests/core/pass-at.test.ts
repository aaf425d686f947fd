import { describe, expect, it } from "vitest";
import { failAt, passAt, passAtVariance } from "../../pipeline/core/pass-at.ts";
import { subsets } from "../helpers/subsets.ts";

describe("passAt", () => {
  it("equals the share of all k-subsets that hold a right candidate", () => {
    for (let n = 1; n <= 9; n += 1) {
      for (let right = 0; right <= n; right += 1) {
        for (let k = 1; k <= n; k += 1) {
          const all = subsets(n, k);
          const share = all.filter((subset) => subset.some((candidate) => candidate < right)).length / all.length;
          expect(passAt(n, right, k)).toBeCloseTo(share, 12);
        }
      }
    }
  });

  it("is the share of right candidates at k = 1, and 0 or 1 at the ends", () => {
    expect(passAt(200, 37, 1)).toBeCloseTo(37 / 200, 14);
    expect(passAt(200, 0, 100)).toBe(0);
    expect(passAt(200, 1, 200)).toBe(1);
    expect(passAt(200, 101, 100)).toBe(1);
  });

  it("neither overflows nor loses digits with thousands of candidates", () => {
    expect(passAt(10_000, 1, 5_000)).toBeCloseTo(0.5, 12);
    expect(passAt(5_000, 2, 2_500)).toBeCloseTo(1 - (2500 / 5000) * (2499 / 4999), 12);
  });

  it("refuses more candidates than there are", () => {
    expect(() => passAt(8, 3, 9)).toThrow(RangeError);
    expect(() => passAt(8, 9, 1)).toThrow(RangeError);
  });
});

describe("passAtVariance", () => {
  it("is p(1 - p) / (n - 1) at k = 1", () => {
    expect(passAtVariance(8, 3, 1)).toBeCloseTo(((3 / 8) * (5 / 8)) / 7, 14);
  });

  it("has the variance of the estimator as its expectation", () => {
    const [n, p] = [12, 0.2];
    for (const k of [1, 2, 4, 6]) {
      let [mean, square, expected] = [0, 0, 0];
      for (let right = 0; right <= n; right += 1) {
        const chance = coefficient(n, right) * p ** right * (1 - p) ** (n - right);
        mean += chance * failAt(n, right, k);
        square += chance * failAt(n, right, k) ** 2;
        expected += chance * passAtVariance(n, right, k);
      }
      expect(expected).toBeCloseTo(square - mean ** 2, 12);
    }
  });
});

function coefficient(n: number, k: number): number {
  return k === 0 ? 1 : (coefficient(n, k - 1) * (n - k + 1)) / k;
}
