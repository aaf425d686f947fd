import { problemScores } from "../comparison/problem-scores.ts";
import { electorateOf } from "../electorate.ts";
import { bisect } from "../quantile.ts";
import type { ProblemResult, RunResults } from "../run-results.ts";
import { randomStream, seedOf } from "../seed.ts";
import { sum } from "../sum.ts";
import type { VoteOptions } from "../vote.ts";
import { resampledWinRate } from "../vote-variance.ts";

const resamplingSeed = 4;
const defaultVote: VoteOptions = { ties: "first-seen", fallback: null };

/** By problemId, how likely a run's vote on it is right. */
export type WinChances = ReadonlyMap<string, number>;

/** What a run's verdicts say of its votes with other seeds. */
export interface RunChances {
  /** The share of replicates whose vote was right: for each problem without bias, and for two runs independent. */
  accuracies: WinChances;
  /** The same, put together with what the candidates say, so that they vary over problems as much as true chances do. */
  chances: WinChances;
  /** Not where each problem has a single candidate: these tell but right or wrong, and seeds are left out of account. */
  knowsSampling: boolean;
}

/**
 * Accuracies scatter more over problems than chances do, by the variance that seeds make, which `score` estimates
 * without bias. So within each set they are drawn towards their mean until mean(p(1 - p)) is that variance. A single
 * replicate's accuracies are all 0 or 1; there the candidates, drawn with replacement (see `resampledWinRate`), say how the
 * chances differ. They are too low on average where most are right and too high where most are wrong. The verdicts are not,
 * so first the chances' odds are all raised or lowered by one factor until their mean is the accuracy.
 */
export function winChances(run: RunResults): RunChances {
  const vote = run.manifest?.config.vote ?? defaultVote;
  const scores = problemScores(run, run.width);
  const accuracies = new Map([...scores].map(([problemId, { value }]) => [problemId, value]));
  const chances = new Map<string, number>();
  for (const ofSet of Map.groupBy(run.problems, ({ set }) => set).values()) {
    const values = ofSet.map(({ problemId }) => accuracies.get(problemId) ?? 0);
    const spreads = ofSet.map(({ problemId }) => scores.get(problemId)?.spread?.variance ?? 0);
    const shape =
      run.replicates > 1
        ? values
        : withMean(
            ofSet.map((problem) => resampledChance(problem, vote)),
            values,
          );
    const adjusted = withSamplingVariance(shape, (run.replicates * sum(spreads)) / ofSet.length);
    for (const [at, { problemId }] of ofSet.entries()) chances.set(problemId, adjusted[at] ?? 0);
  }
  return { accuracies, chances, knowsSampling: run.replicates > 1 || run.width > 1 };
}

function resampledChance({ problemId, expected, replicates }: ProblemResult, vote: VoteOptions): number {
  const [{ candidates, credit } = { candidates: [], credit: 0 }] = replicates;
  const observed = candidates.filter(({ lost, outcome }) => !lost && outcome !== "decided");
  if (observed.length < 2) return credit;
  const seed = seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
  return resampledWinRate(electorateOf(observed, expected, vote), randomStream(seed));
}

/**
 * Chances with the mean of these accuracies, as nearly as may be: certain ones stay certain, and the mean stays half a
 * problem away from none and all.
 */
function withMean(chances: readonly number[], accuracies: readonly number[]): number[] {
  const mean = sum(accuracies) / accuracies.length;
  const edge = 0.5 / chances.length;
  const target = Math.min(1 - edge, Math.max(edge, mean));
  const scaled = (factor: number) => chances.map((chance) => (chance * factor) / (1 - chance + chance * factor));
  if (Math.abs(sum(chances) / chances.length - mean) < 1e-12) return [...chances];
  return scaled(
    Math.exp(bisect((shift) => sum(scaled(Math.exp(shift))), target * chances.length, -largestShift, largestShift)),
  );
}

const largestShift = 5; // of log odds

/** Chances p drawn towards their mean so far that mean(p(1 - p)) is this. They are never driven apart. */
function withSamplingVariance(chances: readonly number[], variance: number): number[] {
  const mean = sum(chances) / chances.length;
  const ofProblems = sum(chances.map((chance) => (chance - mean) ** 2)) / chances.length;
  const wanted = mean * (1 - mean) - variance;
  if (wanted >= ofProblems) return [...chances];
  const factor = Math.sqrt(Math.max(0, wanted) / ofProblems);
  return chances.map((chance) => mean + factor * (chance - mean));
}
