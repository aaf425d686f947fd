import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tangoInterval } from "../../../pipeline/core/statistics/tango-interval.ts";

const counts = fc
  .tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }), fc.nat({ max: 600 }))
  .filter(([gained, lost, others]) => gained + lost + others > 0)
  .map(([gained, lost, others]) => ({ gained, lost, n: gained + lost + others }));

describe("tangoInterval", () => {
  it("holds the difference seen, lies within [-1, 1], and mirrors the exchange of the two", () => {
    fc.assert(
      fc.property(counts, fc.constantFrom(0.8, 0.95, 0.99), ({ gained, lost, n }, level) => {
        const { low, high } = tangoInterval({ gained, lost, n }, level);
        const seen = (gained - lost) / n;
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(low).toBeLessThanOrEqual(seen);
        expect(high).toBeGreaterThanOrEqual(seen);
        expect(high).toBeLessThanOrEqual(1);
        expect(high - low).toBeGreaterThan(0);
        const mirrored = tangoInterval({ gained: lost, lost: gained, n }, level);
        expect(mirrored.low).toBeCloseTo(-high, 10);
        expect(mirrored.high).toBeCloseTo(-low, 10);
      }),
    );
  });

  it("is not empty where nothing changed, and narrows with the number of units", () => {
    // (z² / n) / (1 + z² / n), as Wilson's for no success
    const { low, high } = tangoInterval({ gained: 0, lost: 0, n: 100 }, 0.95);
    expect(high).toBeCloseTo(1 / (1 + 100 / 3.841458820694124), 10);
    expect(low).toBeCloseTo(-high, 10);
  });

  it("holds the truth in about 95 % of all outcomes", () => {
    // All counts of 40 units of which 15 % are gained and 5 % lost, by their trinomial chances.
    const [n, gain, loss] = [40, 0.15, 0.05];
    let [covered, factor] = [0, (1 - gain - loss) ** n];
    for (let gained = 0; gained <= n; gained += 1) {
      let chance = factor;
      for (let lost = 0; gained + lost <= n; lost += 1) {
        const { low, high } = tangoInterval({ gained, lost, n }, 0.95);
        if (low <= gain - loss && gain - loss <= high) covered += chance;
        chance *= ((n - gained - lost) / (lost + 1)) * (loss / (1 - gain - loss));
      }
      factor *= ((n - gained) / (gained + 1)) * (gain / (1 - gain - loss));
    }
    expect(covered).toBeGreaterThan(0.94);
    expect(covered).toBeLessThan(0.965);
  });
});
