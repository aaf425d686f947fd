import { describe, expect, it } from "vitest";
import { compareRuns } from "../../../pipeline/core/comparison/compare-runs.ts";
import { scoredRun, verdictRun } from "../../helpers/scored-run.ts";

const pairOf = (a: string, b: string) => {
  const [pair] = compareRuns([verdictRun("a", a), verdictRun("b", b)]).all.pairs;
  if (pair === undefined) throw new Error("no pair");
  return pair;
};

describe("comparing two runs", () => {
  it("pairs by problem: gains, losses, and McNemar's exact test of them", () => {
    const pair = pairOf(`${"0".repeat(9)}1${"1".repeat(10)}`, `${"1".repeat(9)}0${"1".repeat(10)}`);
    expect(pair.flipped.gained).toHaveLength(9);
    expect(pair.flipped.lost).toEqual(["set/p009"]);
    expect(pair.difference.estimate).toBeCloseTo(8 / 20, 12);
    expect(pair.test).toEqual({ name: "McNemar, exact", pValue: expect.closeTo(22 / 1024, 9) }); // 2 (1 + 10) / 2^10
    expect(pair.accuracy).toEqual({ a: 11 / 20, b: 19 / 20 });
  });

  it("does not depend on the order of the problems, and mirrors when the runs change places", () => {
    const forward = pairOf("0011010", "1110010");
    const backward = pairOf("1110010", "0011010");
    expect(backward.difference.estimate).toBe(-forward.difference.estimate);
    expect(backward.test.pValue).toBe(forward.test.pValue);
    expect(backward.flipped).toEqual({ gained: forward.flipped.lost, lost: forward.flipped.gained });
    const [population] = forward.difference.intervals;
    const [mirrored] = backward.difference.intervals;
    expect(mirrored?.low).toBeCloseTo(-(population?.high ?? 0), 9);
    const a = verdictRun("a", "0011010");
    const b = verdictRun("b", "1110010");
    const shuffled = [a, b].map((run) => ({ ...run, problems: run.problems.toReversed() }));
    expect(compareRuns(shuffled).all.pairs[0]?.difference.intervals).toEqual(forward.difference.intervals);
  });

  it("shows an interval that is not empty where nothing flipped, and says what it could have seen", () => {
    const pair = pairOf("1".repeat(100), "1".repeat(100));
    expect(pair.difference.estimate).toBe(0);
    expect(pair.test.pValue).toBeCloseTo(1, 9);
    expect(pair.difference.intervals).toEqual([
      expect.objectContaining({ kind: "population", method: "Tango score, over paired problems" }),
    ]);
    const [{ low = 0, high = 0 } = {}] = pair.difference.intervals;
    expect(high).toBeGreaterThan(0.03);
    expect(low).toBeCloseTo(-high, 9);
    expect(pair.detectableDifference.difference).toBeGreaterThanOrEqual(0.06); // six flips at least
    expect(pair.needed).toEqual({ problems: null, replicates: null });
  });

  it("claims nothing from one problem", () => {
    const pair = pairOf("0", "1");
    expect(pair.test.pValue).toBeCloseTo(1, 9);
    expect(pair.detectableDifference).toEqual({ difference: null, power: 0.8 });
    const [{ low = Number.NaN, high = Number.NaN } = {}] = pair.difference.intervals;
    expect(low).toBeLessThan(0);
    expect(high).toBeLessThanOrEqual(1);
    expect(JSON.stringify(pair)).not.toMatch(/null,"power":null|NaN/u);
  });

  it("takes replicates together: signs of the problems' mean differences are exchanged", () => {
    const a = scoredRun("a", { "set/p": [["0"], ["1"]], "set/q": [["0"], ["0"]], "set/r": [["1"], ["0"]] });
    const b = scoredRun("b", { "set/p": [["1"], ["1"]], "set/q": [["1"], ["0"]], "set/r": [["1"], ["1"]] });
    const [pair] = compareRuns([a, b]).all.pairs;
    expect(pair?.test).toEqual({ name: "permutation of signs, exact", pValue: 0.25 }); // 2 of 8 sign choices
    expect(pair?.difference.estimate).toBeCloseTo(0.5, 12);
    expect(pair?.difference.intervals.map(({ kind }) => kind)).toContain("sampling");
    expect(pair?.flipped).toEqual({ gained: ["set/p", "set/r"], lost: [] });
  });

  it("compares runs of unequal widths by votes of the narrower one, over all subsets", () => {
    const a = scoredRun("a", { "set/p": [["1"]], "set/q": [["0"]] });
    const b = scoredRun("b", { "set/p": [["1", "0", "1", "1"]], "set/q": [["0", "1", "0", "0"]] });
    const comparison = compareRuns([a, b]);
    expect(comparison.settingsThatDiffer).toEqual(["sampling.width"]);
    expect(comparison.notShared).toMatchObject([{ votesOf: 1, onlyInA: [], onlyInB: [] }]);
    expect(comparison.all.pairs[0]?.accuracy).toEqual({ a: 0.5, b: 0.5 }); // 3/4 and 1/4
  });

  it("leaves out problems whose gold answer or text was changed, and says which", () => {
    const a = verdictRun("a", "0101");
    const b = verdictRun("b", "1111");
    const [first, second, ...others] = b.problems;
    if (!first || !second) throw new Error("too few problems");
    const changed = [{ ...first, expected: "7", gold: "7" }, { ...second, statementHash: "other" }, ...others];
    const comparison = compareRuns([a, { ...b, problems: changed }]);
    expect(comparison.notShared).toMatchObject([{ otherAnswer: ["set/p000"], otherStatement: ["set/p001"] }]);
    expect(comparison.settingsThatDiffer).toEqual(["gold answers", "problems"]);
    expect(comparison.all.pairs[0]).toMatchObject({ problems: 2, flipped: { gained: ["set/p002"], lost: [] } });
  });

  it("has no pair where no problem is shared", () => {
    const comparison = compareRuns([verdictRun("a", "01", "one"), verdictRun("b", "01", "two")]);
    expect(comparison).toMatchObject({ sets: {}, all: { pairs: [] } });
  });
});

describe("comparing more runs", () => {
  const runs = [verdictRun("a", "00000000"), verdictRun("b", "11111110"), verdictRun("c", "11111111")];

  it("adjusts for as many tests as there are, by Holm", () => {
    const { pairs } = compareRuns(runs).all;
    expect(pairs.map(({ a, b }) => `${a}${b}`)).toEqual(["ab", "ac", "bc"]);
    expect(pairs.map(({ test }) => test.pValue)).toEqual([
      expect.closeTo(2 / 128, 9),
      expect.closeTo(2 / 256, 9),
      expect.closeTo(1, 9),
    ]);
    expect(pairs.map(({ test }) => test.adjustedPValue)).toEqual([
      expect.closeTo(4 / 128, 9),
      expect.closeTo(6 / 256, 9),
      expect.closeTo(1, 9),
    ]);
  });

  it("takes the first as the baseline if asked to: fewer tests", () => {
    const { pairs } = compareRuns(runs, { baseline: true }).all;
    expect(pairs.map(({ a, b }) => `${a}${b}`)).toEqual(["ab", "ac"]);
    expect(pairs.map(({ test }) => test.adjustedPValue)).toEqual([
      expect.closeTo(2 / 128, 9),
      expect.closeTo(4 / 256, 9),
    ]);
  });

  it("adjusts over sets too", () => {
    const both = (name: string, verdicts: string) => {
      const [one, two] = [verdictRun(name, verdicts, "one"), verdictRun(name, verdicts, "two")];
      return { ...one, problems: [...one.problems, ...two.problems] };
    };
    const { sets, all } = compareRuns([both("a", "00000000"), both("b", "11111111")]);
    expect(sets.one?.pairs[0]?.test).toMatchObject({
      pValue: expect.closeTo(2 / 256, 9),
      adjustedPValue: expect.closeTo(4 / 256, 9),
    });
    expect(all.pairs[0]?.test.adjustedPValue).toBeUndefined();
  });
});
