import type { Estimate, Interval } from "../artifacts/summary.ts";
import { sampledSubsets } from "./maj-at.ts";
import { populationInterval } from "./population-interval.ts";
import type { ProblemScore } from "./problem-score.ts";
import { type Observation, samplingInterval } from "./sampling-interval.ts";
import { partitions } from "./vote-variance.ts";

export interface Estimates {
  accuracy: Estimate;
  candidateAccuracy: Estimate;
  passAt: Record<string, Estimate>;
  majAt: Record<string, Estimate>;
}

const ofVote = `votes of half of each problem's candidates, ${partitions} random partitions`;
const betweenReplicates = "variance between replicates";
const binomial = "binomial variance within problems";
const unbiased = "unbiased variance within problems";
const fromPartitions = `unbiased variance within problems from ${partitions} random partitions`;

/** The estimates over these problems, for each k in `sizes` that some problem has candidates enough for. */
export function estimatesOf(scores: readonly ProblemScore[], sizes: readonly number[], replicates: number): Estimates {
  const method = (ofOne: string) => (replicates > 1 ? betweenReplicates : ofOne);
  const largest = sizes.at(-1);
  const estimateAt = (
    table: (score: ProblemScore) => ReadonlyMap<number, Observation>,
    estimate: (k: number, observations: Observation[]) => Estimate,
  ) =>
    Object.fromEntries(
      sizes.flatMap((k) => {
        const observations = scores.map((score) => table(score).get(k)).filter((each) => each !== undefined);
        return observations.length === 0 ? [] : [[String(k), estimate(k, observations)] as const];
      }),
    );

  return {
    accuracy: estimateOf(
      scores.map(({ accuracy }) => accuracy),
      method(ofVote),
    ),
    candidateAccuracy: estimateOf(
      scores.map(({ candidateAccuracy }) => candidateAccuracy).filter((each) => each !== undefined),
      binomial,
    ),
    passAt: estimateAt(
      (score) => score.passAt,
      (k, observations) => estimateOf(observations, k === 1 ? binomial : method(unbiased)),
    ),
    majAt: estimateAt(
      (score) => score.majAt,
      (k, observations) => ({
        ...estimateOf(observations, method(k === 1 ? binomial : k === largest ? ofVote : fromPartitions)),
        ...sampledMethod(scores, k),
      }),
    ),
  };
}

/** What is said of maj@k where not all of it is exact: of how many problems, and how far that can put the mean off. */
function sampledMethod(scores: readonly ProblemScore[], k: number): Pick<Estimate, "method"> {
  const all = scores.filter(({ majAt }) => majAt.has(k)).length;
  const errors = scores.map(({ standardErrors }) => standardErrors.get(k)).filter((error) => error !== undefined);
  if (errors.length === 0) return {};
  const error = (Math.hypot(...errors) / all).toPrecision(2);
  const others = errors.length < all ? ", the others exact" : "";
  return {
    method: `${sampledSubsets} random subsets each for ${errors.length} problems${others}; standard error ${error}`,
  };
}

/** Needs one observation at least. */
function estimateOf(observations: readonly Observation[], samplingMethod: string): Estimate {
  const values = observations.map(({ value }) => value);
  const intervals = [samplingInterval(observations, samplingMethod), populationInterval(values)];
  return {
    estimate: values.reduce((sum, value) => sum + value, 0) / values.length,
    n: values.length,
    intervals: intervals.filter((interval): interval is Interval => interval !== undefined),
  };
}
