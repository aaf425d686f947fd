import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectableDifference, neededUnits, power } from "../../../pipeline/core/statistics/power.ts";

const standardError = fc.double({ min: 1e-4, max: 0.5, noNaN: true });
const degrees = fc.integer({ min: 1, max: 3000 });
const level = fc.constantFrom(0.8, 0.9, 0.95, 0.99);
const wanted = fc.double({ min: 0.5, max: 0.99, noNaN: true });

describe("power", () => {
  it("is the chance of a false alarm where there is no difference", () => {
    expect(power({ difference: 0, standardError: 0.1, degrees: 10 })).toBeCloseTo(0.05, 12);
    expect(power({ difference: 0, standardError: 0.1, degrees: 1e9, level: 0.8 })).toBeCloseTo(0.2, 12);
  });

  it("rises with the difference, whose sign does not matter, and with the degrees of freedom", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 40, noNaN: true }),
        standardError,
        degrees,
        (errors, standardError, degrees) => {
          const difference = errors * standardError;
          const here = power({ difference, standardError, degrees });
          expect(here).toBeGreaterThan(0.05 - 1e-10);
          expect(here).toBeLessThan(1 + 1e-10);
          expect(power({ difference: -difference, standardError, degrees })).toBe(here);
          expect(power({ difference: 1.1 * difference, standardError, degrees })).toBeGreaterThan(here - 1e-10);
          expect(power({ difference, standardError, degrees: degrees + 1 })).toBeGreaterThan(here - 1e-10);
        },
      ),
    );
  });

  it("is the normal distribution's where there are very many degrees of freedom", () => {
    const [few, many] = [1e6, 1e8].map((degrees) => power({ difference: 2.8, standardError: 1, degrees }));
    expect(many).toBeCloseTo(0.7995569, 6); // Φ(2.8 - 1.96)
    expect(few).toBeCloseTo(many ?? 0, 5);
  });
});

describe("detectableDifference", () => {
  it("is the difference that is found with the power asked for", () => {
    fc.assert(
      fc.property(standardError, degrees, level, wanted, (standardError, degrees, level, wanted) => {
        const difference = detectableDifference({ standardError, degrees, level, power: wanted });
        expect(power({ difference, standardError, degrees, level })).toBeCloseTo(wanted, 9);
      }),
    );
  });

  it("is about 2.8 standard errors for the usual level and power", () => {
    expect(detectableDifference({ standardError: 0.01, degrees: 720 })).toBeCloseTo(0.028, 3);
  });
});

describe("neededUnits", () => {
  it("is the smallest number with the power asked for", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.005, max: 3, noNaN: true }), level, wanted, (difference, level, wanted) => {
        const units = neededUnits({ difference, standardDeviation: 0.5, level, power: wanted });
        const powerOf = (units: number) =>
          power({ difference, standardError: 0.5 / Math.sqrt(units), degrees: units - 1, level });
        expect(powerOf(units)).toBeGreaterThanOrEqual(wanted);
        if (units > 2) expect(powerOf(units - 1)).toBeLessThan(wanted);
      }),
      { numRuns: 50 },
    );
  });

  it("is large, but found, for a tiny difference", () => {
    const units = neededUnits({ difference: 1e-5, standardDeviation: 0.3 });
    expect(units / (0.3 / 1e-5) ** 2).toBeCloseTo(7.8489, 3); // (1.95996 + 0.84162)²
  });

  it("does not exist for no difference", () => {
    expect(() => neededUnits({ difference: 0, standardDeviation: 0.3 })).toThrow(RangeError);
  });
});
