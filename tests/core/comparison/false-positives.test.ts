import { describe, expect, it } from "vitest";
import { compareRuns } from "../../../pipeline/core/comparison/compare-runs.ts";
import { pairedInterval } from "../../../pipeline/core/paired-interval.ts";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { clusteredInterval } from "../../../pipeline/core/statistics/clustered-interval.ts";
import { holm } from "../../../pipeline/core/statistics/holm.ts";
import { mcNemarExact } from "../../../pipeline/core/statistics/mcnemar.ts";
import { pairedPermutation } from "../../../pipeline/core/statistics/paired-permutation.ts";
import { vote } from "../../../pipeline/core/vote.ts";
import { hasDataFolder } from "../../helpers/data-folder.ts";
import { eightCandidates, levelFiveVerdicts, pairedVerdicts, pairsOf } from "../../helpers/recorded-runs.ts";
import { scoredRun } from "../../helpers/scored-run.ts";

/**
 * Comparisons of what is the same, on real data: how often a test at 5 % finds a difference, or an interval leaves 0 out.
 * Nothing is simulated but who is called a and who b.
 */

/** Counts of what a comparison of equals should seldom find. */
class Findings {
  readonly #counts = new Map<string, number>();
  #comparisons = 0;

  add(found: Record<string, boolean>): void {
    this.#comparisons += 1;
    for (const [name, is] of Object.entries(found)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + Number(is));
  }

  share(name: string): number {
    return (this.#counts.get(name) ?? Number.NaN) / this.#comparisons;
  }
}

const leavesOutZero = (interval: { low: number; high: number } | undefined) =>
  interval !== undefined && (interval.low > 0 || interval.high < 0);

describe.skipIf(!hasDataFolder)("43 models on 721 problems, in pairs", () => {
  // For each problem a coin says which of the two verdicts is a's: the pseudo-runs are equally good, and flip as often as real ones.
  const models = [...levelFiveVerdicts().values()];
  const flips = (random: () => number, [a, b]: [Map<string, number>, Map<string, number>]) =>
    pairedVerdicts(a, b).map(([ofA, ofB]) => (random() < 0.5 ? ofB - ofA : ofA - ofB));
  const counts = (differences: readonly number[]) =>
    [1, -1].map((sign) => differences.filter((difference) => difference === sign).length) as [number, number];

  it("McNemar's exact test and the interval of the difference find 3 to 6 % where verdicts are exchanged at random", () => {
    const random = randomStream(1);
    const findings = new Findings();
    for (const pair of pairsOf(models)) {
      const differences = flips(random, pair);
      findings.add({
        test: mcNemarExact(...counts(differences)) < 0.05,
        interval: leavesOutZero(pairedInterval(differences)),
      });
    }
    for (const name of ["test", "interval"]) {
      expect(findings.share(name), name).toBeGreaterThan(0.03);
      expect(findings.share(name), name).toBeLessThan(0.06);
    }
  });

  it("adjusted by Holm, at most 5 % of families of 42 comparisons find anything", () => {
    const random = randomStream(2);
    const findings = new Findings();
    for (let repeat = 0; repeat < 5; repeat += 1) {
      for (const one of models) {
        const others = models.filter((model) => model !== one);
        const pValues = others.map((other) => mcNemarExact(...counts(flips(random, [one, other]))));
        findings.add({ any: holm(pValues).some((pValue) => pValue < 0.05), unadjusted: pValues.some((p) => p < 0.05) });
      }
    }
    expect(findings.share("any")).toBeLessThan(0.08); // 215 families: a standard error is 1.5 %
    expect(findings.share("unadjusted")).toBeGreaterThan(0.5);
  });
});

describe.skipIf(!hasDataFolder)("four candidates of a run against its other four", () => {
  type Recording = Parameters<typeof eightCandidates>[0];

  /** Random splits: by problem both halves' answers, of which "1" is right. */
  function* splits(recording: Recording, seed: number): Generator<string[][][]> {
    const random = randomStream(seed);
    const problems = eightCandidates(recording);
    for (let round = 0; round < 1000; round += 1) {
      yield problems.map((answers) => {
        const order = shuffled([...answers.keys()], random);
        return [order.slice(0, 4), order.slice(4)].map((half) => half.sort().map((at) => answers[at] ?? ""));
      });
    }
  }

  const electedRight = (answers: readonly string[]) => {
    const voters = answers.map((answer, candidate) => ({ candidate, turns: 1, answer }));
    return vote(voters, { ties: "first-seen", fallback: null }).answer === "1" ? 1 : 0;
  };
  const shareRight = (answers: readonly string[]) => answers.filter((answer) => answer === "1").length / answers.length;
  const differences = (halves: readonly string[][][], value: (answers: readonly string[]) => number) =>
    halves.map(([a = [], b = []]) => value(b) - value(a));

  function asReplicates(recording: Recording): Findings {
    const random = randomStream(4);
    const findings = new Findings();
    for (const halves of splits(recording, 5)) {
      const each = differences(halves, shareRight);
      findings.add({
        permutation: pairedPermutation(each, { random }).pValue < 0.05,
        t: leavesOutZero(clusteredInterval(each.map((difference) => [difference]))),
        interval: leavesOutZero(pairedInterval(each)),
      });
    }
    return findings;
  }

  function asVotes(recording: Recording): Findings {
    const findings = new Findings();
    for (const halves of splits(recording, 6)) {
      const each = differences(halves, electedRight);
      const [gained = 0, lost = 0] = [1, -1].map((sign) => each.filter((difference) => difference === sign).length);
      findings.add({ test: mcNemarExact(gained, lost) < 0.05, interval: leavesOutZero(pairedInterval(each)) });
    }
    return findings;
  }

  it("tiny model, 200 problems, as four replicates: 3 to 6 %", () => {
    const findings = asReplicates("tiny-tir-test200x8");
    for (const name of ["permutation", "t", "interval"]) {
      expect(findings.share(name), name).toBeGreaterThan(0.03);
      expect(findings.share(name), name).toBeLessThan(0.062); // 1,000 splits of the same candidates
    }
  });

  it("Qwen2.5-Math, 100 problems of which ten are not all alike, as four replicates: an exact test of so few says less", () => {
    const findings = asReplicates("qwen25math-cot-math100x8");
    expect(findings.share("permutation")).toBeLessThan(0.05);
    for (const name of ["t", "interval"]) expect(findings.share(name), name).toBeLessThan(0.07);
  });

  it("as votes of four, which seldom flip, McNemar's exact test finds fewer than 5 %", () => {
    expect(asVotes("tiny-tir-test200x8").share("test")).toBeLessThan(0.045); // some 28 flips
    expect(asVotes("qwen25math-cot-math100x8").share("test")).toBeLessThan(0.01); // some four, and six are needed
  });

  it("is what `compare` makes of such runs", () => {
    const [halves = []] = splits("qwen25math-cot-math100x8", 7).take(1);
    const each = differences(halves, shareRight);
    const runs = [0, 1].map((half) => {
      const replicates = halves.map((pair, at) => [`m/${at}`, (pair[half] ?? []).map((answer) => [answer])]);
      return scoredRun(String(half), Object.fromEntries(replicates));
    });
    const [pair] = compareRuns(runs).all.pairs;
    expect(pair?.test.pValue).toBeCloseTo(pairedPermutation(each, { random: randomStream(1) }).pValue, 9);
    expect(pair?.difference.intervals[0]).toEqual(pairedInterval(each));
  });
});
