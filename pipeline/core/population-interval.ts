import type { Interval } from "../artifacts/summary.ts";
import { sum } from "./sum.ts";
import { intervalLevel, wilsonInterval } from "./wilson.ts";

/**
 * Problems that the estimate of the variance has beyond those that are there, half of them solved by all and half by none.
 * So many make intervals cover where a set has hardly any problem of one kind, and none may be in the sample: see
 * tests/core/coverage.
 */
const addedProblems = 4;

/**
 * How far the mean over these problems can be from that over all problems of their kind. `values` has one number between
 * 0 and 1 per problem: its mean over candidates, subsets or replicates.
 *
 * Problems are the independent units, however many candidates each has, so their means are what varies (Miller 2024,
 * "Adding Error Bars to Evals", https://arxiv.org/abs/2411.00640). The interval is Wilson's for the effective number of
 * problems (Franco, Little, Louis and Slud 2019, https://doi.org/10.1093/jssam/smy019). Undefined without problems.
 */
export function populationInterval(values: readonly number[]): Interval | undefined {
  if (values.length === 0) return undefined;
  const effective = effectiveProblems(values);
  const over = effective === values.length ? "over problems" : "over the effective number of problems";
  return {
    ...{ kind: "population", ...wilsonInterval(Math.min(1, sum(values) / values.length), effective) },
    ...{ level: intervalLevel, method: `Wilson score, ${over}` },
  };
}

/**
 * As many problems as would vary as much as these, if each counted 0 or 1. It is their number where each does, as with one
 * vote each, and never less, as no values in [0, 1] vary more than zeros and ones of the same mean.
 */
export function effectiveProblems(values: readonly number[]): number {
  const n = values.length;
  const mean = sum(values) / n;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  const centre = (n * mean + addedProblems / 2) / (n + addedProblems);
  const variance = (squares + addedProblems * centre * (1 - centre)) / (n + addedProblems - 1);
  return Math.max(n, (n * mean * (1 - mean)) / variance);
}
