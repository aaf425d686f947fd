import { describe, expect, it } from "vitest";
import { electorateOf } from "../../pipeline/core/electorate.ts";
import { majAt } from "../../pipeline/core/maj-at.ts";
import { randomStream } from "../../pipeline/core/seed.ts";
import { majAtVariances, resampledWinRate } from "../../pipeline/core/vote-variance.ts";
import { electorate } from "../helpers/electorate.ts";

const range = (n: number) => Array.from({ length: n }, (_, index) => index);

describe("variance of maj@k over other seeds", () => {
  it("is p(1 - p) / (n - 1) at k = 1, without any noise", () => {
    const answers = ["1", "1", "1", "2", undefined, "3", "2", "2"];
    const [variance] = majAtVariances(electorate(answers, "1"), [{ k: 1, estimate: 3 / 8 }], randomStream(4));
    expect(variance).toBeCloseTo(((3 / 8) * (5 / 8)) / 7, 12);
  });

  it("is right on average over many runs of the same problem", () => {
    const random = randomStream(5);
    const estimates: number[] = [];
    const variances: number[] = [];
    for (let run = 0; run < 400; run += 1) {
      const answers = range(12).map(() => ["1", "1", "2", "3", undefined][Math.floor(random() * 5)]);
      const candidates = electorate(answers, "1");
      const [{ value: estimate } = { value: 0 }] = majAt(candidates, [4], random);
      estimates.push(estimate);
      variances.push(majAtVariances(candidates, [{ k: 4, estimate }], random)[0] ?? 0);
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const centre = mean(estimates);
    const observed = mean(estimates.map((estimate) => (estimate - centre) ** 2));
    expect(mean(variances) / observed).toBeGreaterThan(0.8);
    expect(mean(variances) / observed).toBeLessThan(1.25);
  });
});

describe("resampledWinRate", () => {
  it("is certain where all agree, and follows the ballots otherwise", () => {
    const rate = (answers: (string | undefined)[]) => resampledWinRate(electorate(answers, "1"), randomStream(6));
    expect(rate(["1", "1", undefined, "1", "1", "1", "1", "1"])).toBe(1);
    expect(rate(["2", "2", undefined, "3"])).toBe(0);
    expect(rate(["1", "2", "1", "2", "1", "2"])).toBeCloseTo(0.5, 1);
  });

  it("lets drawn candidates that were cut off early vote first", () => {
    const voters = [
      { candidate: 0, turns: 4, answer: "2" },
      { candidate: 1, turns: 2, answer: "1", meta: { pruned: true } },
    ];
    const rate = (ties: "first-seen" | "lowest-candidate") =>
      resampledWinRate(electorateOf(voters, "1", { ties, fallback: null }), randomStream(7));
    expect(rate("first-seen")).toBeCloseTo(0.75, 1); // "1" twice, or one of each in either order
    expect(rate("lowest-candidate")).toBeCloseTo(0.5, 1);
  });
});
