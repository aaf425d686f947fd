import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectableDifference, neededUnits } from "../../../pipeline/core/statistics/power.ts";

const standardError = fc.double({ min: 1e-4, max: 0.5, noNaN: true });
const degrees = fc.integer({ min: 1, max: 3000 });
const level = fc.constantFrom(0.8, 0.9, 0.95, 0.99);
const wanted = fc.double({ min: 0.5, max: 0.99, noNaN: true });

describe("detectableDifference", () => {
  it("rises with the power and the level asked for, and falls with the degrees of freedom", () => {
    fc.assert(
      fc.property(standardError, degrees, level, wanted, (standardError, degrees, level, power) => {
        const detectable = (changes: object) =>
          detectableDifference({ ...{ standardError, degrees, level, power }, ...changes });
        const here = detectable({});
        expect(here).toBeGreaterThan(0);
        expect(detectable({ power: power + 0.005 })).toBeGreaterThan(here);
        expect(detectable({ level: level + 0.005 })).toBeGreaterThan(here);
        expect(detectable({ degrees: degrees + 1 })).toBeLessThan(here);
        expect(detectable({ standardError: 2 * standardError })).toBeCloseTo(2 * here, 9);
      }),
    );
  });

  it("is about 2.8 standard errors for the usual level and power: 1.960 + 0.842 of the normal distribution", () => {
    expect(detectableDifference({ standardError: 1, degrees: 1e9 })).toBeCloseTo(2.801585, 5);
    expect(detectableDifference({ standardError: 0.01, degrees: 720 })).toBeCloseTo(0.028, 3);
  });
});

describe("neededUnits", () => {
  it("is the smallest number with the power asked for", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.005, max: 3, noNaN: true }), level, wanted, (difference, level, wanted) => {
        const units = neededUnits({ difference, standardDeviation: 0.5, level, power: wanted });
        const detectable = (units: number) =>
          detectableDifference({ standardError: 0.5 / Math.sqrt(units), degrees: units - 1, level, power: wanted });
        expect(detectable(units)).toBeLessThan(difference * (1 + 1e-9));
        if (units > 2) expect(detectable(units - 1)).toBeGreaterThan(difference * (1 - 1e-9));
      }),
      { numRuns: 50 },
    );
  });

  it("is large, but found, for a tiny difference", () => {
    const units = neededUnits({ difference: 1e-5, standardDeviation: 0.3 });
    expect(units / (0.3 / 1e-5) ** 2).toBeCloseTo(7.8489, 3); // (1.95996 + 0.84162)²
    expect(neededUnits({ difference: 1e-12, standardDeviation: 0.3 }) / 0.3 ** 2 / 1e24).toBeCloseTo(7.8489, 3);
  });

  it("does not exist for no difference", () => {
    expect(() => neededUnits({ difference: 0, standardDeviation: 0.3 })).toThrow(RangeError);
  });
});
