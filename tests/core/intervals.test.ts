import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { populationInterval } from "../../pipeline/core/population-interval.ts";
import { studentTwoSided } from "../../pipeline/core/quantile.ts";
import { samplingInterval, spreadOfReplicates } from "../../pipeline/core/sampling-interval.ts";
import { wilsonInterval } from "../../pipeline/core/wilson.ts";

describe("wilsonInterval", () => {
  // Newcombe 1998 (https://pubmed.ncbi.nlm.nih.gov/9595616/), table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("is the published interval for %d of %d", (right, n, low, high) => {
    const interval = wilsonInterval(right / n, n);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it("mirrors at one half, and is not empty where all are right", () => {
    const [few, many] = [wilsonInterval(0.1, 50), wilsonInterval(0.9, 50)];
    expect(many.low).toBeCloseTo(1 - few.high, 12);
    const all = wilsonInterval(1, 30);
    expect(all.high).toBe(1);
    expect(all.low).toBeCloseTo(30 / (30 + 1.959964 ** 2), 6);
  });
});

describe("populationInterval", () => {
  it("is Wilson's where every problem counts 0 or 1", () => {
    expect(populationInterval([1, 0, 1, 1])).toMatchObject({
      ...wilsonInterval(0.75, 4),
      kind: "population",
      method: "Wilson score, over problems",
    });
  });

  it("is that of more problems where they count in parts, by how much less they vary than zeros and ones", () => {
    const values = Array.from({ length: 90 }, (_, index) => [0.25, 0.5, 0.75][index % 3] ?? 0);
    const interval = populationInterval(values);
    expect(interval?.method).toBe("Wilson score, over the effective number of problems");
    // Squares add up to 90 / 24; four more problems of the variance 1/4 make it (90 / 24 + 1) / 93.
    expect(interval).toMatchObject(wilsonInterval(0.5, (90 * 0.25) / ((90 / 24 + 1) / 93)));
    const many = populationInterval(Array.from({ length: 90_000 }, (_, index) => [0.25, 0.5, 0.75][index % 3] ?? 0));
    expect(many?.high).toBeCloseTo(0.5 + 1.96 * Math.sqrt(1 / 24 / 90_000), 5); // in the long run the normal one
  });

  it("is never wider than Wilson's over the problems there are", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 }), (values) => {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const [interval, widest] = [populationInterval(values), wilsonInterval(mean, values.length)];
        expect(interval?.low).toBeGreaterThanOrEqual(widest.low - 1e-12);
        expect(interval?.high).toBeLessThanOrEqual(widest.high + 1e-12);
        expect(interval?.low).toBeLessThanOrEqual(mean + 1e-12);
        expect(interval?.high).toBeGreaterThanOrEqual(mean - 1e-12);
      }),
    );
  });

  it("is not empty where the problems do not differ, or there is but one", () => {
    for (const values of [[0.5, 0.5, 0.5], [0.125], [0, 0], [1]]) {
      const interval = populationInterval(values);
      expect((interval?.high ?? 0) - (interval?.low ?? 0)).toBeGreaterThan(0.2);
    }
    expect(populationInterval([])).toBeUndefined();
  });
});

describe("samplingInterval", () => {
  const observation = (value: number, variance: number) => ({ value, trials: 4, spread: { variance, degrees: 3 } });

  it("adds the problems' variances, and two more of the largest that their mean lets be", () => {
    const interval = samplingInterval([observation(0.4, 0.002), observation(0.6, 0.002)], "this way");
    expect(interval).toMatchObject({
      kind: "sampling",
      level: 0.95,
      method: "Wilson score with Student's t, this way",
    });
    // Both together 0.004, the added ones 2 · 0.25 / 4: of four problems on average, and of a mean of two.
    const variance = (0.004 + 0.125) / 4 / 2;
    const t = studentTwoSided(0.95, (0.004 + 0.125) ** 2 / (2 * (0.002 ** 2 / 3)));
    expect(interval).toMatchObject(wilsonInterval(0.5, 0.25 / variance, t));
    const many = Array.from({ length: 20_000 }, () => observation(0.5, 0.02));
    expect(samplingInterval(many, "")?.high).toBeCloseTo(0.5 + 1.96 * Math.sqrt(0.02 / 20_000), 5);
  });

  it("is Wilson's over all trials where no problem was seen to vary, and nowhere wider", () => {
    const interval = samplingInterval([observation(1, 0), observation(1, 0)], "this way");
    expect(interval).toMatchObject({ ...wilsonInterval(1, 8), method: "Wilson score, over all trials" });
    const uncertain = samplingInterval([observation(0.5, 0.3), observation(0.5, 0.3)], "this way");
    expect(uncertain).toMatchObject(wilsonInterval(0.5, 8));
  });

  it("is a number also where variances, estimated without bias, are negative", () => {
    for (const variances of [
      [-0.01, 0.01],
      [-0.01, -0.02],
      [-0.001, 0.0011],
    ]) {
      const { low = Number.NaN, high = Number.NaN } =
        samplingInterval(
          variances.map((variance) => observation(0.9, variance)),
          "",
        ) ?? {};
      expect(low).toBeLessThan(0.9);
      expect(high).toBeGreaterThan(0.9);
    }
  });

  it("is not told where the spread of a problem is unknown", () => {
    expect(samplingInterval([observation(1, 0.1), { value: 1, trials: 1 }], "this way")).toBeUndefined();
    expect(samplingInterval([], "this way")).toBeUndefined();
  });
});

describe("spreadOfReplicates", () => {
  it("is the variance of their mean, from two on", () => {
    expect(spreadOfReplicates([1, 0])).toEqual({ variance: 0.25, degrees: 1 });
    expect(spreadOfReplicates([0.2, 0.4, 0.6])?.variance).toBeCloseTo(0.04 / 3, 12);
    expect(spreadOfReplicates([1])).toBeUndefined();
  });
});
