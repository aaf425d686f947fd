import { describe, expect, it, vi } from "vitest";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { clusteredInterval } from "../../../pipeline/core/statistics/clustered-interval.ts";
import { pairedBootstrap } from "../../../pipeline/core/statistics/paired-bootstrap.ts";
import { pairedPermutation } from "../../../pipeline/core/statistics/paired-permutation.ts";

/**
 * How often intervals hold the truth, and tests find what is not there, in simulated comparisons. The seeds are fixed, so
 * that a run either always passes or never; 2,000 runs of a sound interval stay within 1.5 % of its level.
 */
const runs = 2000;
vi.setConfig({ testTimeout: 180_000 }); // seconds of work, on a busy machine minutes

function shareOf(runs: number, happens: () => boolean): number {
  let count = 0;
  for (let run = 0; run < runs; run += 1) if (happens()) count += 1;
  return count / runs;
}

/** Differences of problems that two runs answer `replicates` times each, and the chances of which vary by problem. */
function compared(problems: number, replicates: number, gain: number, random: () => number): number[] {
  return Array.from({ length: problems }, () => {
    const chance = random() ** 2;
    const better = Math.min(1, chance + gain * random());
    let sum = 0;
    for (let replicate = 0; replicate < replicates; replicate += 1) {
      sum += (random() < better ? 1 : 0) - (random() < chance ? 1 : 0);
    }
    return sum / replicates;
  });
}

/** The mean that `compared` has in the long run. */
function truthOf(gain: number, random: () => number): number {
  const differences = compared(2_000_000, 1, gain, random);
  return differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
}

const holds = (interval: { low: number; high: number } | undefined, truth: number) =>
  interval !== undefined && interval.low <= truth && truth <= interval.high;

describe("intervals of a difference hold it in 95 % of runs", () => {
  it.each([
    ["one replicate, 80 problems", 80, 1, 0.3],
    ["one replicate, 300 problems", 300, 1, 0.1],
    ["four replicates, 50 problems", 50, 4, 0.2],
  ])("%s: bootstrap and Student's t", (_name, problems, replicates, gain) => {
    const random = randomStream(problems);
    const truth = truthOf(gain, random);
    const samples = Array.from({ length: runs }, () => compared(problems, replicates, gain, random));
    const bootstrapped = samples.filter((sample) => holds(pairedBootstrap(sample, { random }), truth)).length / runs;
    const asClusters = (sample: readonly number[]) => sample.map((difference) => [difference]);
    const clustered = samples.filter((sample) => holds(clusteredInterval(asClusters(sample)), truth)).length / runs;
    for (const coverage of [bootstrapped, clustered]) {
      expect(coverage).toBeGreaterThan(0.935);
      expect(coverage).toBeLessThan(0.965);
    }
  });

  it("few clusters of unequal size, whose values depend on each other", () => {
    const random = randomStream(9);
    const coverage = shareOf(runs, () => {
      const clusters = Array.from({ length: 12 }, (_, place) => {
        const shared = random() - 0.5;
        return Array.from({ length: 1 + (place % 4) }, () => shared + random() - 0.5);
      });
      return holds(clusteredInterval(clusters), 0);
    });
    expect(coverage).toBeGreaterThan(0.93); // its working model is independence, so the degrees are a little too many
    expect(coverage).toBeLessThan(0.965);
  });
});

describe("the permutation test finds what is not there in at most 5 % of runs", () => {
  it.each([
    ["one replicate", 60, 1],
    ["four replicates", 40, 4],
  ])("%s", (_name, problems, replicates) => {
    const random = randomStream(problems);
    const found = shareOf(
      runs,
      () => pairedPermutation(compared(problems, replicates, 0, random), { random }).pValue <= 0.05,
    );
    expect(found).toBeLessThan(0.055);
    expect(found).toBeGreaterThan(0.01);
  });

  it("differences without a common part, for which it draws", () => {
    const random = randomStream(3);
    const found = shareOf(500, () => {
      const differences = Array.from({ length: 30 }, () => random() ** 3 - random() ** 3);
      return pairedPermutation(differences, { random, resamples: 400 }).pValue <= 0.05;
    });
    expect(found).toBeLessThan(0.07);
    expect(found).toBeGreaterThan(0.03);
  });
});
