import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { holm } from "../../../pipeline/core/statistics/holm.ts";

const pValue = fc.double({ min: 0, max: 1, noNaN: true });
const family = fc.array(fc.option(pValue), { maxLength: 40 });

describe("holm", () => {
  it("multiplies the smallest by the number of tests, the next by one less, and so on", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005]).map((each) => Number(each.toFixed(12)))).toEqual([0.03, 0.06, 0.06, 0.02]);
  });

  it("does not count tests that could not be made", () => {
    expect(holm([null, 0.02, null, 0.03])).toEqual([null, 0.04, null, 0.04]);
    expect(holm([null])).toEqual([null]);
    expect(holm([])).toEqual([]);
  });

  it("lies between the p-value itself and Bonferroni's, in the same order", () => {
    fc.assert(
      fc.property(family, (pValues) => {
        const adjusted = holm(pValues);
        const tests = pValues.flatMap((before, place) =>
          before === null ? [] : [{ before, after: adjusted[place] ?? 2 }],
        );
        for (const { before, after } of tests) {
          expect(after).toBeGreaterThanOrEqual(before);
          expect(after).toBeLessThanOrEqual(Math.min(1, before * tests.length));
        }
        const ordered = tests.toSorted((a, b) => a.before - b.before).map(({ after }) => after);
        expect(ordered).toEqual(ordered.toSorted((a, b) => a - b));
        expect(adjusted.map((each) => each === null)).toEqual(pValues.map((each) => each === null));
      }),
    );
  });

  it("gives each test the same whatever the order", () => {
    fc.assert(
      fc.property(family, fc.nat(), (pValues, seed) => {
        const places = shuffled([...pValues.keys()], randomStream(seed));
        const adjusted = holm(pValues);
        expect(holm(places.map((place) => pValues[place] ?? null))).toEqual(
          places.map((place) => adjusted[place] ?? null),
        );
      }),
    );
  });
});
