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
  trials: number; // independent right-or-wrong trials behind it, at least
  spread?: Spread | undefined;
}

/**
 * How far the mean over these same problems can be from what other seeds would give on average.
 *
 * Seeds of different problems are independent, so the variance of the mean is the sum of the problems' variances over
 * n². The interval is Student's t, with the degrees of freedom of such a sum by Welch and Satterthwaite (Satterthwaite
 * 1946, https://doi.org/10.2307/3002019), cut at 0 and 1. Where no problem was seen to vary, it is Wilson's over all
 * trials: right-or-wrong trials of unequal chances vary less together than equal ones of the same mean (Hoeffding 1956,
 * https://doi.org/10.1214/aoms/1177728178), so that is wide enough. Undefined where a problem's spread is unknown.
 */
export function samplingInterval(observations: readonly Observation[], method: string): Interval | undefined {
  const n = observations.length;
  if (n === 0) return undefined;
  let [mean, variance, squares, trials] = [0, 0, 0, 0];
  for (const observation of observations) {
    if (observation.spread === undefined) return undefined;
    mean += observation.value / n;
    variance += observation.spread.variance;
    squares += observation.spread.variance ** 2 / observation.spread.degrees;
    trials += observation.trials;
  }
  if (variance <= 1e-20) {
    const fallback = "Wilson score, over all trials: no problem was seen to vary";
    return { kind: "sampling", ...wilsonInterval(mean, trials), level: intervalLevel, method: fallback };
  }
  const degrees = Math.max(1, variance ** 2 / squares);
  const half = (studentTwoSided(intervalLevel, degrees) * Math.sqrt(variance)) / n;
  return {
    ...{ kind: "sampling", low: Math.max(0, mean - half), high: Math.min(1, mean + half), level: intervalLevel },
    method,
  };
}

/** The spread of a mean over replicates, from how the replicates differ. Undefined for fewer than two. */
export function spreadOfReplicates(values: readonly number[]): Spread | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { variance: squares / (count - 1) / count, degrees: count - 1 };
}
