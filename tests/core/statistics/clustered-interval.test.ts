import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { studentTwoSided } from "../../../pipeline/core/quantile.ts";
import { clusteredInterval } from "../../../pipeline/core/statistics/clustered-interval.ts";

const value = fc.double({ min: -1, max: 1, noNaN: true });
const clusters = fc.array(fc.array(value, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 30 });
const equalClusters = fc
  .integer({ min: 1, max: 6 })
  .chain((size) => fc.array(fc.array(value, { minLength: size, maxLength: size }), { minLength: 2, maxLength: 30 }));

const meanOf = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

describe("clusteredInterval", () => {
  it("is Student's t over the clusters' means where clusters have one size", () => {
    fc.assert(
      fc.property(equalClusters, (each) => {
        const means = each.map(meanOf);
        const mean = meanOf(means);
        const squares = means.reduce((sum, other) => sum + (other - mean) ** 2, 0);
        fc.pre(squares > 1e-12);
        const standardError = Math.sqrt(squares / (means.length - 1) / means.length);
        const half = studentTwoSided(0.95, means.length - 1) * standardError;
        const interval = clusteredInterval(each);
        expect(interval?.estimate).toBeCloseTo(mean, 12);
        expect(interval?.degrees).toBeCloseTo(means.length - 1, 8);
        expect((interval?.standardError ?? 0) / standardError).toBeCloseTo(1, 8);
        expect(((interval?.high ?? 0) - (interval?.low ?? 0)) / (2 * half)).toBeCloseTo(1, 7);
      }),
    );
  });

  it("has from one to one less than clusters degrees of freedom, and the estimate in its middle", () => {
    fc.assert(
      fc.property(clusters, (each) => {
        const interval = clusteredInterval(each);
        fc.pre(interval !== undefined);
        const { estimate, standardError, degrees, low, high } = interval;
        expect(degrees).toBeGreaterThanOrEqual(1 - 1e-9);
        expect(degrees).toBeLessThanOrEqual(each.length - 1 + 1e-9);
        expect(standardError).toBeGreaterThan(0);
        expect((low + high) / 2).toBeCloseTo(estimate, 9);
        expect(low).toBeLessThan(high);
      }),
    );
  });

  it("does not take copies for more evidence", () => {
    const apart = clusteredInterval([[1], [0], [0.5], [1], [0]]);
    const copied = clusteredInterval([
      [1, 1, 1],
      [0, 0, 0],
      [0.5, 0.5, 0.5],
      [1, 1, 1],
      [0, 0, 0],
    ]);
    expect(copied?.standardError).toBeCloseTo(apart?.standardError ?? 0, 12);
    expect(copied?.low).toBeCloseTo(apart?.low ?? 0, 10);
  });

  it("does not change with the order of clusters, or within them", () => {
    const forward = clusteredInterval([[1, 0], [0.5], [0, 0, 0.25]]);
    const backward = clusteredInterval([[0.25, 0, 0], [0.5], [0, 1]]);
    expect(backward?.low).toBeCloseTo(forward?.low ?? 0, 12);
    expect(backward?.high).toBeCloseTo(forward?.high ?? 0, 12);
  });

  it("says nothing where clusters do not differ, or there are fewer than two", () => {
    for (const each of [
      [],
      [[]],
      [[0.3]],
      [[1, 0, 1]],
      [[1], [1], [1]],
      [
        [0, 1],
        [1, 0],
      ],
      [[], [0.3, 0.2]],
    ]) {
      expect(clusteredInterval(each)).toBeUndefined();
    }
  });
});
