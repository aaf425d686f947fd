import type { Estimate, Interval } from "../../artifacts/summary.ts";
import { pairedInterval } from "../paired-interval.ts";
import { type Observation, samplingInterval } from "../sampling-interval.ts";
import { pairedBootstrap } from "../statistics/paired-bootstrap.ts";
import { sum } from "../sum.ts";
import { intervalLevel } from "../wilson.ts";
import type { PairedProblem } from "./paired-problems.ts";

/**
 * How much better b is than a on the problems that they share: the mean of b's value minus a's, by problem. Needs one
 * problem at least.
 *
 * Two population intervals: a score interval first, then the paired bootstrap's where enough problems flip. `random` is
 * drawn from for the bootstrap alone.
 */
export function differenceOf(pairs: readonly PairedProblem[], random: () => number): Estimate {
  const differences = pairs.map(({ a, b }) => b.value - a.value);
  const intervals = [pairedInterval(differences), bootstrapInterval(differences, random), intervalOverSeeds(pairs)];
  return {
    estimate: sum(differences) / differences.length,
    n: differences.length,
    intervals: intervals.filter((interval): interval is Interval => interval !== undefined),
  };
}

/** So many problems have to be gained or lost, in whole or in parts, for the bootstrap: with fewer it is too narrow. */
const fewestFlips = 20; // see tests/core/coverage

function bootstrapInterval(differences: readonly number[], random: () => number): Interval | undefined {
  if (sum(differences.map(Math.abs)) < fewestFlips) return undefined;
  const bootstrap = pairedBootstrap(differences, { random });
  if (bootstrap === undefined) return undefined;
  const { low, high } = bootstrap;
  const resamples = bootstrap.method === "exact" ? "all" : bootstrap.resamples;
  const method = `BCa bootstrap, ${resamples} resamples of the paired problems`;
  return { kind: "population", low, high, level: intervalLevel, method };
}

/**
 * Over other seeds, on these problems. Seeds of two runs are independent, so the distances from each run's mean to the ends
 * of its interval add up by their squares, each end of one with the opposite end of the other (Newcombe 1998,
 * https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I; for any two intervals Zou and Donner
 * 2008, https://doi.org/10.1002/sim.3095). Undefined where a problem's spread is unknown.
 */
function intervalOverSeeds(pairs: readonly PairedProblem[]): Interval | undefined {
  const [a, b] = [meanOverSeeds(pairs.map((pair) => pair.a)), meanOverSeeds(pairs.map((pair) => pair.b))];
  if (a === undefined || b === undefined) return undefined;
  const difference = b.mean - a.mean;
  return {
    kind: "sampling",
    low: difference - Math.hypot(b.mean - b.low, a.high - a.mean),
    high: difference + Math.hypot(b.high - b.mean, a.mean - a.low),
    level: intervalLevel,
    method: "both runs' intervals over seeds, added by their squares",
  };
}

function meanOverSeeds(observations: readonly Observation[]): { mean: number; low: number; high: number } | undefined {
  const interval = samplingInterval(observations, "variance within problems");
  return interval && { mean: sum(observations.map(({ value }) => value)) / observations.length, ...interval };
}
