import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PairComparison } from "../../../pipeline/core/comparison/compare-pair.ts";
import { compareRuns } from "../../../pipeline/core/comparison/compare-runs.ts";
import { pairedInterval } from "../../../pipeline/core/paired-interval.ts";
import type { RunResults } from "../../../pipeline/core/run-results.ts";
import { scoredRun } from "../../helpers/scored-run.ts";

const answer = fc.constantFrom("1", "2", undefined);
const pairOfRuns = fc
  .record({ width: fc.integer({ min: 1, max: 4 }), replicates: fc.integer({ min: 1, max: 3 }) })
  .chain(({ width, replicates }) => {
    const ofProblem = fc.array(fc.array(answer, { minLength: width, maxLength: width }), {
      ...{ minLength: replicates, maxLength: replicates },
    });
    return fc.array(fc.tuple(ofProblem, ofProblem), { minLength: 1, maxLength: 12 });
  })
  .map((problems) => {
    const run = (name: string, which: 0 | 1) =>
      scoredRun(name, Object.fromEntries(problems.map((answers, at) => [`s/p${at}`, answers[which]])));
    return [run("a", 0), run("b", 1)] as const;
  });

function pairOf(a: RunResults, b: RunResults): PairComparison {
  const [pair] = compareRuns([a, b]).all.pairs;
  if (pair === undefined) throw new Error("no pair");
  return pair;
}

const check = (property: (a: RunResults, b: RunResults) => void) =>
  fc.assert(
    fc.property(pairOfRuns, ([a, b]) => property(a, b)),
    { numRuns: 60 },
  );

describe("a comparison", () => {
  it("is the same whatever order problems stand in", () => {
    check((a, b) => {
      const reversed = (run: RunResults) => ({ ...run, problems: run.problems.toReversed() });
      const [pair, other] = [pairOf(a, b), pairOf(reversed(a), reversed(b))];
      expect(other.difference.estimate).toBeCloseTo(pair.difference.estimate, 12);
      expect(other.test.pValue).toBeCloseTo(pair.test.pValue, 12);
      for (const [at, { low, high }] of pair.difference.intervals.entries()) {
        expect(other.difference.intervals[at]?.low).toBeCloseTo(low, 9);
        expect(other.difference.intervals[at]?.high).toBeCloseTo(high, 9);
      }
    });
  });

  it("mirrors when the runs change places: every interval, the test, the flips", () => {
    check((a, b) => {
      const [pair, mirrored] = [pairOf(a, b), pairOf(b, a)];
      expect(mirrored.difference.estimate).toBeCloseTo(-pair.difference.estimate, 12);
      expect(mirrored.test.pValue).toBeCloseTo(pair.test.pValue, 12);
      expect(mirrored.needed.problems).toBe(pair.needed.problems);
      expect(mirrored.flipped).toEqual({ gained: pair.flipped.lost, lost: pair.flipped.gained });
      for (const [at, { low, high }] of pair.difference.intervals.entries()) {
        expect(mirrored.difference.intervals[at]?.low).toBeCloseTo(-high, 9);
        expect(mirrored.difference.intervals[at]?.high).toBeCloseTo(-low, 9);
      }
    });
  });

  it("has intervals around its estimate, within -1 and 1, and a p-value of 1 for a run and itself", () => {
    check((a, b) => {
      const { difference, test } = pairOf(a, b);
      for (const { low, high } of difference.intervals) {
        expect(low).toBeLessThanOrEqual(difference.estimate + 1e-9);
        expect(high).toBeGreaterThanOrEqual(difference.estimate - 1e-9);
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(high).toBeLessThanOrEqual(1);
      }
      expect(test.pValue).toBeGreaterThan(0);
      expect(test.pValue).toBeLessThanOrEqual(1);
      expect(pairOf(a, { ...a, name: "copy" })).toMatchObject({ difference: { estimate: 0 }, test: { pValue: 1 } });
    });
  });

  it("equals brute force over all signs of the problems' differences", () => {
    check((a, b) => {
      const meanOf = ({ problems }: RunResults) =>
        problems.map(({ replicates }) => replicates.reduce((sum, { credit }) => sum + credit, 0) / replicates.length);
      const ofA = meanOf(a);
      const differences = meanOf(b).map((value, at) => value - (ofA[at] ?? 0));
      const seen = Math.abs(differences.reduce((sum, each) => sum + each, 0));
      let asFar = 0;
      for (let signs = 0; signs < 2 ** differences.length; signs += 1) {
        const flipped = differences.reduce((sum, each, at) => sum + ((signs >> at) & 1 ? each : -each), 0);
        if (Math.abs(flipped) >= seen - 1e-9) asFar += 1;
      }
      expect(pairOf(a, b).test.pValue).toBeCloseTo(asFar / 2 ** differences.length, 9);
    });
  });
});

describe("pairedInterval", () => {
  const differences = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });

  it("is Tango's where problems are gained or lost whole, and narrower where they are in parts", () => {
    const whole = [1, 1, -1, 0, 0, 0, 0, 0, 1, 0];
    expect(pairedInterval(whole).method).toBe("Tango score, over paired problems");
    // As many gains and losses in sum, and of the same mean, but in halves.
    const halves = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5, -0.5, 0, 0];
    const [wide, narrow] = [pairedInterval(whole), pairedInterval(halves)];
    expect(narrow.high - narrow.low).toBeLessThan(wide.high - wide.low);
    expect(narrow.method).toContain("effective number");
  });

  it("holds the mean, mirrors, and does not depend on the order", () => {
    fc.assert(
      fc.property(differences, (each) => {
        const mean = each.reduce((sum, one) => sum + one, 0) / each.length;
        const { low, high } = pairedInterval(each);
        expect(low).toBeLessThanOrEqual(mean + 1e-9);
        expect(high).toBeGreaterThanOrEqual(mean - 1e-9);
        expect(high).toBeGreaterThan(low);
        const mirrored = pairedInterval(each.map((one) => -one).toReversed());
        expect(mirrored.low).toBeCloseTo(-high, 6);
        expect(mirrored.high).toBeCloseTo(-low, 6);
      }),
    );
  });

  it("moves up when a problem is gained that was not", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 0, 1), { minLength: 2, maxLength: 40 }), (each) => {
        const at = each.indexOf(0);
        if (at < 0) return;
        const more = pairedInterval(each.with(at, 1));
        const before = pairedInterval(each);
        expect(more.low).toBeGreaterThanOrEqual(before.low - 1e-9);
        expect(more.high).toBeGreaterThanOrEqual(before.high - 1e-9);
      }),
    );
  });
});
