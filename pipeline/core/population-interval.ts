import type { Interval } from "../artifacts/summary.ts";
import { studentTwoSided } from "./quantile.ts";
import { intervalLevel, wilsonInterval } from "./wilson.ts";

/**
 * How far the mean over these problems can be from that over all problems of their kind. `values` has one number between
 * 0 and 1 per problem: its mean over candidates, subsets or replicates.
 *
 * Problems are the independent units, however many candidates each has, so their means are what varies (Miller 2024,
 * "Adding Error Bars to Evals", https://arxiv.org/abs/2411.00640). Where every problem counts 0 or 1, as
 * with one vote each, that is a binomial share and gets Wilson's interval; other values get Student's t, cut at 0 and 1.
 * A single problem or equal values, whose variance says nothing, get Wilson's too: it is wider than it need be, as no
 * values in [0, 1] vary more than zeros and ones of the same mean. Undefined without problems.
 */
export function populationInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const isBinary = values.every((value) => value === 0 || value === 1);
  if (isBinary || n === 1 || squares < 1e-20) {
    const method = "Wilson score, over problems";
    return { kind: "population", ...wilsonInterval(mean, n), level: intervalLevel, method };
  }
  const half = studentTwoSided(intervalLevel, n - 1) * Math.sqrt(squares / (n - 1) / n);
  return {
    ...{ kind: "population", low: Math.max(0, mean - half), high: Math.min(1, mean + half), level: intervalLevel },
    method: "Student's t, over problem means",
  };
}
