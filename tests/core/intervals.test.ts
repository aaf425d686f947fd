import { describe, expect, it } from "vitest";
import { populationInterval } from "../../pipeline/core/population-interval.ts";
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

  it("is Student's t over problem means otherwise, within 0 and 1", () => {
    // Mean 0.5, standard deviation 0.25, n = 3; t(2) = 4.3027.
    const interval = populationInterval([0.25, 0.5, 0.75]);
    expect(interval?.low).toBe(0);
    expect(interval?.high).toBe(1);
    const many = populationInterval(Array.from({ length: 90 }, (_, index) => [0.25, 0.5, 0.75][index % 3] ?? 0));
    expect(many?.method).toBe("Student's t, over problem means");
    expect(many?.high).toBeCloseTo(0.5 + 1.987 * (0.20528 / Math.sqrt(90)), 4);
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

  it("adds the problems' variances", () => {
    // Two problems with equal spread: standard error √(2 · 0.02) / 2 = 0.1, degrees of freedom 6.
    const interval = samplingInterval([observation(0.4, 0.02), observation(0.6, 0.02)], "this way");
    expect(interval).toMatchObject({ kind: "sampling", level: 0.95, method: "this way" });
    expect(interval?.high).toBeCloseTo(0.5 + 2.4469 * 0.1, 4);
    expect(interval?.low).toBeCloseTo(0.5 - 2.4469 * 0.1, 4);
  });

  it("is Wilson's over all trials where no problem was seen to vary", () => {
    const interval = samplingInterval([observation(1, 0), observation(1, 0)], "this way");
    expect(interval).toMatchObject(wilsonInterval(1, 8));
    expect(interval?.method).toMatch(/^Wilson/u);
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
