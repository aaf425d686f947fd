import type { Estimate, Interval } from "../../artifacts/summary.ts";
import { studentTwoSided } from "../quantile.ts";
import type { Observation } from "../sampling-interval.ts";
import { clusteredInterval } from "../statistics/clustered-interval.ts";
import { pairedBootstrap } from "../statistics/paired-bootstrap.ts";
import { tangoInterval } from "../statistics/tango-interval.ts";
import { sum } from "../sum.ts";
import { intervalLevel, wilsonInterval } from "../wilson.ts";
import type { PairedProblem } from "./paired-problems.ts";

/**
 * How much better b is than a on the problems that they share: the mean of b's value minus a's, by problem. Needs one
 * problem at least.
 *
 * Two population intervals: an analytic one first, then the paired bootstrap's where it says anything. `random` is drawn
 * from for the bootstrap alone.
 */
export function differenceOf(pairs: readonly PairedProblem[], random: () => number): Estimate {
  const differences = pairs.map(({ a, b }) => b.value - a.value);
  const intervals = [analyticInterval(differences), bootstrapInterval(differences, random), samplingInterval(pairs)];
  return {
    estimate: sum(differences) / differences.length,
    n: differences.length,
    intervals: intervals.filter((interval): interval is Interval => interval !== undefined),
  };
}

/**
 * Over other problems of this kind. Where each problem was gained, lost or neither, it is Tango's score interval. Other
 * differences get Student's t over problems, the clustered form of Miller 2024 (https://arxiv.org/abs/2411.00640).
 * Differences that are all alike, whose variance says nothing, are taken as gains and losses too: no differences
 * between -1 and 1 of the same mean vary more.
 */
function analyticInterval(differences: readonly number[]): Interval {
  const n = differences.length;
  const mean = sum(differences) / n;
  const whole = differences.every((difference) => Number.isInteger(difference));
  const clustered = whole ? undefined : clusteredInterval(differences.map((difference) => [difference]));
  if (clustered !== undefined) {
    const { low, high } = clustered;
    return {
      ...{ kind: "population", low: Math.max(-1, low), high: Math.min(1, high), level: intervalLevel },
      method: "Student's t, over the problems' differences",
    };
  }
  const gained = whole ? differences.filter((difference) => difference > 0).length : n * Math.max(0, mean);
  const lost = whole ? differences.filter((difference) => difference < 0).length : n * Math.max(0, -mean);
  const interval = tangoInterval({ gained, lost, n }, intervalLevel);
  return { kind: "population", ...interval, level: intervalLevel, method: "Tango score, over paired problems" };
}

function bootstrapInterval(differences: readonly number[], random: () => number): Interval | undefined {
  const bootstrap = pairedBootstrap(differences, { random });
  if (bootstrap === undefined) return undefined;
  const { low, high } = bootstrap;
  const resamples = bootstrap.method === "exact" ? "all" : bootstrap.resamples;
  const method = `BCa bootstrap, ${resamples} resamples of the paired problems`;
  return { kind: "population", low, high, level: intervalLevel, method };
}

/**
 * Over other seeds, on these problems. Seeds of two runs are independent, so a problem's variances add up; the degrees
 * of freedom are those of such a sum (Satterthwaite 1946, https://doi.org/10.2307/3002019). Where no problem was seen to
 * vary, the two runs' Wilson intervals over all trials are put together as in Newcombe 1998
 * (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I). Undefined where a problem's
 * spread is unknown.
 */
function samplingInterval(pairs: readonly PairedProblem[]): Interval | undefined {
  const n = pairs.length;
  const observations = pairs.flatMap(({ a, b }) => [a, b]);
  const spreads = observations.map(({ spread }) => spread).filter((spread) => spread !== undefined);
  if (spreads.length < observations.length) return undefined;
  const mean = sum(pairs.map(({ a, b }) => b.value - a.value)) / n;
  const variance = sum(spreads.map((spread) => spread.variance));
  if (variance <= 1e-20) {
    const [a, b] = [pooled(pairs.map((pair) => pair.a)), pooled(pairs.map((pair) => pair.b))];
    return {
      kind: "sampling",
      low: Math.max(-1, mean - Math.hypot(b.mean - b.low, a.high - a.mean)),
      high: Math.min(1, mean + Math.hypot(b.high - b.mean, a.mean - a.low)),
      level: intervalLevel,
      method: "Newcombe, from Wilson scores over all trials: no problem was seen to vary",
    };
  }
  const degrees = Math.max(1, variance ** 2 / sum(spreads.map((spread) => spread.variance ** 2 / spread.degrees)));
  const half = (studentTwoSided(intervalLevel, degrees) * Math.sqrt(variance)) / n;
  return {
    ...{ kind: "sampling", low: Math.max(-1, mean - half), high: Math.min(1, mean + half), level: intervalLevel },
    method: "Student's t, both runs' variances within problems",
  };
}

function pooled(observations: readonly Observation[]): { mean: number; low: number; high: number } {
  const mean = sum(observations.map(({ value }) => value)) / observations.length;
  return { mean, ...wilsonInterval(mean, sum(observations.map(({ trials }) => trials))) };
}
