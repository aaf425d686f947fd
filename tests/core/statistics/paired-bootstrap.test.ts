import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalCumulative, normalQuantile } from "../../../pipeline/core/quantile.ts";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { pairedBootstrap } from "../../../pipeline/core/statistics/paired-bootstrap.ts";

const unused = () => {
  throw new Error("an exact interval draws nothing");
};
const levels = [0.5, 0.8, 0.9, 0.95, 0.99];
const level = fc.constantFrom(...levels);

/** The means of all nⁿ samples, in order. */
function allMeans(values: readonly number[]): number[] {
  const sums = values.reduce<number[]>((sums) => sums.flatMap((sum) => values.map((value) => sum + value)), [0]);
  return sums.map((sum) => sum / values.length).toSorted((a, b) => a - b);
}

/** Efron's formulas as they stand in his book, over all samples and with the jackknife gone through. */
function counted(values: readonly number[], level: number) {
  const n = values.length;
  const meanOf = (each: readonly number[]) => each.reduce((sum, value) => sum + value, 0) / each.length;
  const means = allMeans(values);
  const seen = meanOf(values);
  const below = means.filter((mean) => mean < seen - 1e-9).length;
  const equal = means.filter((mean) => Math.abs(mean - seen) <= 1e-9).length;
  const bias = normalQuantile((below + equal / 2) / means.length);
  const jackknife = values.map((_, left) => meanOf(values.filter((_, place) => place !== left)));
  const centre = meanOf(jackknife);
  const cubes = jackknife.reduce((sum, value) => sum + (centre - value) ** 3, 0);
  const squares = jackknife.reduce((sum, value) => sum + (centre - value) ** 2, 0);
  const acceleration = cubes / (6 * squares ** 1.5);
  const end = (share: number) => {
    const score = bias + normalQuantile(share);
    const adjusted = normalCumulative(bias + score / (1 - acceleration * score));
    return { adjusted, value: means[Math.ceil(adjusted * n ** n - 1e-6) - 1] ?? Number.NaN };
  };
  return { low: end((1 - level) / 2), high: end((1 + level) / 2), means };
}

describe("pairedBootstrap", () => {
  it("is Efron's interval over all samples there are", () => {
    const values = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 8 }), level, (sums, replicates, level) => {
        fc.pre(new Set(sums).size > 1);
        const differences = sums.map((sum) => sum / replicates);
        const { low, high } = counted(differences, level);
        const interval = pairedBootstrap(differences, { random: unused, level });
        expect(interval?.method).toBe("exact");
        expect(interval?.low).toBeCloseTo(low.value, 9);
        expect(interval?.high).toBeCloseTo(high.value, 9);
      }),
      { numRuns: 300 },
    );
  });

  it("comes near it with random samples, where differences have no common part", () => {
    const random = randomStream(2);
    for (let round = 0; round < 8; round += 1) {
      const differences = Array.from({ length: 5 }, () => random() ** 3 - 0.3);
      const { low, high, means } = counted(differences, 0.8);
      const interval = pairedBootstrap(differences, { random, level: 0.8, resamples: 40_000 });
      expect(interval).toMatchObject({ method: "monte-carlo", resamples: 40_000 });
      // The ends are means whose ranks are uncertain: by the draws for the quantile, and by those for the bias.
      for (const [end, found] of [
        [low, interval?.low],
        [high, interval?.high],
      ] as const) {
        const at = (share: number) => means[Math.round(share * (means.length - 1))] ?? 0;
        expect(found).toBeGreaterThanOrEqual(at(end.adjusted - 0.02));
        expect(found).toBeLessThanOrEqual(at(end.adjusted + 0.02));
      }
    }
  });

  it("draws what it would have worked out", () => {
    const random = randomStream(4);
    const eighths = Array.from({ length: 200 }, () => Math.round((random() - 0.4) * 8) / 8);
    const scattered = eighths.map((value) => value * (1 + random() * 1e-4));
    const exact = pairedBootstrap(eighths, { random: unused });
    const drawn = pairedBootstrap(scattered, { random, resamples: 40_000 });
    expect([exact?.method, drawn?.method]).toEqual(["exact", "monte-carlo"]);
    const width = (exact?.high ?? 0) - (exact?.low ?? 0);
    expect(Math.abs((drawn?.low ?? 0) - (exact?.low ?? 0)) / width).toBeLessThan(0.02);
    expect(Math.abs((drawn?.high ?? 0) - (exact?.high ?? 0)) / width).toBeLessThan(0.02);
  });

  it("is a percentile interval where differences are symmetric", () => {
    const differences = [...Array(30).fill(1), ...Array(30).fill(-1), ...Array(40).fill(0)];
    const { low, high } = pairedBootstrap(differences, { random: unused }) ?? { low: 0, high: 0 };
    expect(low).toBeCloseTo(-high, 12);
    expect(Math.abs(high - 1.96 * Math.sqrt(0.6 / 100))).toBeLessThanOrEqual(0.01);
  });

  it("says nothing where differences do not differ", () => {
    for (const differences of [[], [0.3], [0, 0, 0], [1, 1], Array(9).fill(0.1), [0.3, 0.1 + 0.2]]) {
      expect(pairedBootstrap(differences, { random: unused })).toBeUndefined();
    }
  });

  it("lies within the differences, is wider at a higher level, and does not change with their order", () => {
    const eighths = fc.integer({ min: -8, max: 8 }).map((sum) => sum / 8);
    const share = fc.double({ min: -1, max: 1, noNaN: true });
    const values = fc.oneof(
      fc.array(fc.constantFrom(-1, 0, 1), { minLength: 2, maxLength: 150 }),
      fc.array(eighths, { minLength: 2, maxLength: 80 }),
      fc.array(share, { minLength: 2, maxLength: 30 }),
    );
    fc.assert(
      fc.property(values, fc.nat(), (differences, seed) => {
        const at = (level: number, each = differences) =>
          pairedBootstrap(each, { random: randomStream(seed), level, resamples: 300 });
        const intervals = levels.map((level) => at(level));
        if (intervals[0] === undefined) {
          expect(Math.max(...differences) - Math.min(...differences)).toBeLessThan(1e-11);
          return;
        }
        for (const [place, interval] of intervals.entries()) {
          const { low, high } = interval ?? { low: Number.NaN, high: Number.NaN };
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(Math.min(...differences) - 1e-9);
          expect(high).toBeLessThanOrEqual(Math.max(...differences) + 1e-9);
          expect(intervals[place + 1]?.low ?? low).toBeLessThanOrEqual(low);
          expect(intervals[place + 1]?.high ?? high).toBeGreaterThanOrEqual(high);
        }
        expect(at(0.95, shuffled(differences, randomStream(seed)))).toEqual(at(0.95));
      }),
    );
  });
});
