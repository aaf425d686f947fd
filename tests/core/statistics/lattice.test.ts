import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asMultiples } from "../../../pipeline/core/statistics/lattice.ts";

describe("asMultiples", () => {
  it.each([
    [
      [1, 0, -1],
      [1, 0, -1],
    ],
    [
      [1 / 3, 0, -1 / 2],
      [2, 0, -3],
    ],
    [
      [0.5, -1.5],
      [1, -3],
    ],
    [
      [5 / 8 - 7 / 8, 0.1 + 0.2 - 0.3, 3 / 8],
      [-2, 0, 3],
    ],
    [
      [0, 0],
      [0, 0],
    ],
    [[], []],
  ])("takes %j for %j", (values, multiples) => {
    expect(asMultiples(values)?.map((multiple) => multiple + 0)).toEqual(multiples); // not -0
  });

  it("finds none for what has no common part", () => {
    expect(asMultiples([1, Math.SQRT2])).toBeUndefined();
    expect(asMultiples([0.1, Math.PI / 10, 0])).toBeUndefined();
  });

  it("knows means over replicates and shares of candidates by their sums", () => {
    const sums = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(sums, fc.integer({ min: 1, max: 200 }), (sums, parts) => {
        const multiples = asMultiples(sums.map((sum) => sum / parts));
        const largest = Math.max(...sums.map(Math.abs));
        const scale = largest / Math.max(1, ...(multiples ?? []).map(Math.abs));
        expect(multiples?.map((multiple) => multiple * scale + 0)).toEqual(sums.map((sum) => expect.closeTo(sum, 9)));
        expect(Number.isInteger(scale)).toBe(true);
      }),
    );
  });
});
