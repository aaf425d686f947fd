import { electorateOf } from "../electorate.ts";
import type { ProblemResult, RunResults } from "../run-results.ts";
import { randomStream, seedOf } from "../seed.ts";
import { sum } from "../sum.ts";
import type { VoteOptions } from "../vote.ts";
import { resampledWinRate } from "../vote-variance.ts";

const resamplingSeed = 4;
const defaultVote: VoteOptions = { ties: "first-seen", fallback: null };

/** By problemId, the chance that the run's vote on it would be right with other seeds. */
export type WinChances = ReadonlyMap<string, number>;

/**
 * With several replicates it is the share of them that were right. A single one is judged by its candidates, drawn with
 * replacement (see `resampledWinRate`), which is too low on average where most are right and too high where most are
 * wrong. The verdicts are not, on average, so in each set the chances' odds are all raised or lowered by one factor until
 * their mean is the accuracy. A single candidate tells but right or wrong: `knowsSampling` says that such chances leave
 * seeds out of account.
 */
export function winChances({ problems, replicates, width, manifest }: RunResults): {
  chances: WinChances;
  knowsSampling: boolean;
} {
  const vote = manifest?.config.vote ?? defaultVote;
  const chances = new Map<string, number>();
  for (const ofSet of Map.groupBy(problems, ({ set }) => set).values()) {
    const accuracies = ofSet.map(accuracyOf);
    const resampled = replicates > 1 ? accuracies : ofSet.map((problem) => resampledChance(problem, vote));
    const adjusted = withMean(resampled, sum(accuracies) / ofSet.length);
    for (const [at, { problemId }] of ofSet.entries()) chances.set(problemId, adjusted[at] ?? 0);
  }
  return { chances, knowsSampling: replicates > 1 || width > 1 };
}

function accuracyOf({ replicates }: ProblemResult): number {
  return sum(replicates.map(({ credit }) => credit)) / replicates.length;
}

function resampledChance({ problemId, expected, replicates }: ProblemResult, vote: VoteOptions): number {
  const [{ candidates, credit } = { candidates: [], credit: 0 }] = replicates;
  const observed = candidates.filter(({ lost, outcome }) => !lost && outcome !== "decided");
  if (observed.length < 2) return credit;
  const seed = seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
  return resampledWinRate(electorateOf(observed, expected, vote), randomStream(seed));
}

/**
 * Chances with this mean, as nearly as may be: certain ones stay certain, and the mean stays half a problem away from
 * none and all.
 */
function withMean(chances: readonly number[], mean: number): number[] {
  const edge = 0.5 / chances.length;
  const target = Math.min(1 - edge, Math.max(edge, mean));
  const scaled = (factor: number) => chances.map((chance) => (chance * factor) / (1 - chance + chance * factor));
  const tooLow = (factor: number) => sum(scaled(factor)) < target * chances.length;
  if (Math.abs(sum(chances) / chances.length - mean) < 1e-12) return [...chances];
  let [low, high] = [-largestShift, largestShift];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (tooLow(Math.exp(middle))) low = middle;
    else high = middle;
  }
  return scaled(Math.exp(low));
}

const largestShift = 5; // of log odds
