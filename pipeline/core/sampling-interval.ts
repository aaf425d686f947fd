import type { Interval } from "../artifacts/summary.ts";
import { studentTwoSided } from "./quantile.ts";
import { intervalLevel, wilsonInterval } from "./wilson.ts";

/** How much one problem's value would vary over seeds: an estimated variance, and how many degrees of freedom that has. */
export interface Spread {
  variance: number;
  degrees: number;
}

/** One problem's part of an estimate. */
export interface Observation {
  value: number; // between 0 and 1
  trials: number; // independent right-or-wrong trials that it varies no more than the mean of
  spread?: Spread | undefined;
}

/** Problems that the variance has beyond those that are there, each as varied as the mean lets it be: see tests/core/coverage. */
const addedProblems = 2;

/**
 * How far the mean over these same problems can be from what other seeds would give on average.
 *
 * Seeds of different problems are independent, so the variance of the mean is the sum of the problems' variances over
 * n². The interval is Wilson's for the effective number of trials, as many as would have this variance if each were right or
 * wrong, with Student's t and the degrees of freedom of such a sum by Welch and Satterthwaite (Satterthwaite 1946,
 * https://doi.org/10.2307/3002019). No wider than Wilson's over the trials there are: those of unequal chances vary less
 * together than equal ones of the same mean (Hoeffding 1956, https://doi.org/10.1214/aoms/1177728178). Undefined where a
 * problem's spread is unknown.
 */
export function samplingInterval(observations: readonly Observation[], method: string): Interval | undefined {
  const n = observations.length;
  if (n === 0) return undefined;
  let [total, variance, squares, trials] = [0, 0, 0, 0];
  for (const observation of observations) {
    if (observation.spread === undefined) return undefined;
    total += observation.value;
    variance += observation.spread.variance;
    // An estimate varies no more than its square's mean tells, which is what two degrees of freedom say.
    squares += observation.spread.variance ** 2 / Math.max(2, observation.spread.degrees);
    trials += observation.trials;
  }
  const mean = Math.min(1, total / n);
  const centre = (total + addedProblems / 2) / (n + addedProblems);
  const ofAdded = (addedProblems * centre * (1 - centre) * n) / trials;
  const all = Math.max(0, variance) + ofAdded;
  const effective = (mean * (1 - mean) * n * (n + addedProblems)) / all;
  const widest = wilsonInterval(mean, trials);
  if (effective <= trials) return { kind: "sampling", ...widest, level: intervalLevel, method: overTrials };
  const degrees = Math.max(1, all ** 2 / squares);
  const { low, high } = wilsonInterval(mean, effective, studentTwoSided(intervalLevel, degrees));
  return {
    ...{ kind: "sampling", low: Math.max(low, widest.low), high: Math.min(high, widest.high) },
    ...{ level: intervalLevel, method: `Wilson score with Student's t, ${method}` },
  };
}

const overTrials = "Wilson score, over all trials";

/** The spread of a mean over replicates, from how the replicates differ. Undefined for fewer than two. */
export function spreadOfReplicates(values: readonly number[]): Spread | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { variance: squares / (count - 1) / count, degrees: count - 1 };
}
