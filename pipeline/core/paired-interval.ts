import type { Interval } from "../artifacts/summary.ts";
import { tangoInterval } from "./statistics/tango-interval.ts";
import { sum } from "./sum.ts";
import { intervalLevel } from "./wilson.ts";

/** Problems that the estimate of the variance has beyond those that are there, half gained and half lost: see tests/core/coverage. */
const addedProblems = 1;

/**
 * How far the mean of `differences`, one between -1 and 1 for each problem, can be from that over all problems of their kind.
 * Needs one at least.
 *
 * Where each problem is gained, lost or neither, it is Tango's score interval. Other differences are taken for gains and
 * losses in part, and for as many problems as would have their variance if each were gained, lost or neither: never fewer
 * than there are, as nothing between -1 and 1 with the same mean size varies more.
 */
export function pairedInterval(differences: readonly number[]): Interval {
  const n = differences.length;
  const mean = sum(differences) / n;
  const size = sum(differences.map(Math.abs)) / n;
  const squares = sum(differences.map((difference) => (difference - mean) ** 2));
  const ofAdded = (n * size + addedProblems / 2) / (n + addedProblems) - ((n * mean) / (n + addedProblems)) ** 2;
  const variance = (squares + addedProblems * ofAdded) / (n + addedProblems - 1);
  const effective = Math.max(n, (n * (size - mean ** 2)) / variance);
  const [gained, lost] = [(effective * (size + mean)) / 2, (effective * (size - mean)) / 2];
  const over = effective === n ? "over paired problems" : "over the effective number of paired problems";
  return {
    ...{ kind: "population", ...tangoInterval({ gained, lost, n: effective }, intervalLevel) },
    ...{ level: intervalLevel, method: `Tango score, ${over}` },
  };
}
