import { normalCumulative, normalQuantile } from "../quantile.ts";
import { sum } from "../sum.ts";
import { intervalLevel } from "../wilson.ts";
import { asMultiples } from "./lattice.ts";

/** An interval from all samples there are, or from so many random ones. */
export type BootstrapInterval = { low: number; high: number } & (
  | { method: "exact" }
  | { method: "monte-carlo"; resamples: number }
);

/** The distribution of resampled means. */
interface Means {
  below: number; // the chance of a smaller mean than the one seen; an equal one counts half
  quantile(share: number): number;
}

/** The most multiplications that an exact distribution may cost: about a tenth of a second. */
const largestWork = 1e8;

/** Chances smaller than this are left out, of which there are never so many that they matter. */
const negligible = 1e-20;

/** Means, and sums of chances, that are equal but for rounding differ by less. */
const rounding = 1e-12;

/**
 * The BCa bootstrap interval (Efron 1987, https://doi.org/10.1080/01621459.1987.10478410; Efron and Tibshirani 1993, An
 * Introduction to the Bootstrap, 14.3) of the mean of `differences`, one for each independent pair.
 *
 * Its ends are quantiles of the means of samples of as many differences, drawn with replacement. Which quantiles depends
 * on the bias, the normal quantile of the chance of a mean below the one seen, and on the acceleration, a sixth of the
 * jackknife values' skewness, for a mean Σ(x - x̄)³ / 6(Σ(x - x̄)²)^1.5.
 *
 * Where all differences are multiples of one not too small number, the distribution of all nⁿ samples is worked out, and
 * nothing is drawn; otherwise `resamples` random samples stand for it. Undefined where all differences are equal, a single
 * one or none included: there is nothing to learn from them how far the mean could be. The order given does not matter.
 */
export function pairedBootstrap(
  differences: readonly number[],
  { random, resamples = 10_000, level = intervalLevel }: { random: () => number; resamples?: number; level?: number },
): BootstrapInterval | undefined {
  const values = differences.toSorted((a, b) => a - b);
  const mean = sum(values) / values.length;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  const cubes = sum(values.map((value) => (value - mean) ** 3));
  if (!(squares > 1e-24)) return undefined;

  const exact = exactMeans(values);
  const { below, quantile } = exact ?? randomMeans(values, resamples, random);
  const bias = normalQuantile(below);
  const acceleration = cubes / 6 / squares ** 1.5; // less than a sixth, so that nothing is divided by 0
  const z = normalQuantile((1 + level) / 2);
  const [low, high] = [-z, z].map((score) =>
    quantile(normalCumulative(bias + (bias + score) / (1 - acceleration * (bias + score)))),
  ) as [number, number];
  return exact ? { low, high, method: "exact" } : { low, high, method: "monte-carlo", resamples };
}

/** The means of all samples; undefined if that took too long. */
function exactMeans(values: readonly number[]): Means | undefined {
  const multiples = asMultiples(values);
  if (!multiples) return undefined;
  const n = multiples.length;
  const seen = sum(multiples);
  const squares = sum(multiples.map((multiple) => (multiple - seen / n) ** 2));
  // Sums reach over about 20 of their deviations, the halves that they are made from over 20 / √2 each, and so on.
  if (400 * squares > largestWork) return undefined;

  const [first = 0, last = 0] = [multiples[0], multiples[n - 1]]; // in order, as the values are
  const one = new Float64Array(last - first + 1);
  for (const multiple of multiples) one[multiple - first] = (one[multiple - first] ?? 0) + 1 / n;
  const sums = sumOf(n, { first, chances: one });
  const below = sums.chances.reduce(
    (share, chance, place) => share + chance * weightBelow(sums.first + place, seen),
    0,
  );
  const unit = ((values[n - 1] ?? 0) - (values[0] ?? 0)) / (last - first);
  return { below, quantile: (share) => (unit * sumReaching(share, sums)) / n };
}

/** How much a resampled number counts as below the one seen. */
function weightBelow(number: number, seen: number): number {
  return number < seen - rounding ? 1 : number <= seen + rounding ? 0.5 : 0;
}

/** P(sum = first), P(sum = first + 1) … */
interface Sums {
  first: number;
  chances: Float64Array;
}

/** The distribution of the sum of n independent numbers with this one: by doubling, and one more where n is odd. */
function sumOf(n: number, one: Sums): Sums {
  if (n === 1) return one;
  const half = sumOf(Math.floor(n / 2), one);
  const even = plus(half, half);
  return n % 2 === 0 ? even : plus(even, one);
}

/** The distribution of the sum of two independent numbers, without ends that have no weight. */
function plus(a: Sums, b: Sums): Sums {
  const chances = new Float64Array(a.chances.length + b.chances.length - 1);
  for (let i = 0; i < a.chances.length; i += 1) {
    const chance = a.chances[i] ?? 0;
    if (chance === 0) continue;
    for (let j = 0; j < b.chances.length; j += 1) chances[i + j] = (chances[i + j] ?? 0) + chance * (b.chances[j] ?? 0);
  }
  const start = chances.findIndex((chance) => chance > negligible);
  const end = chances.findLastIndex((chance) => chance > negligible);
  return { first: a.first + b.first + start, chances: chances.slice(start, end + 1) };
}

/** The smallest sum with at least this chance not to be exceeded. */
function sumReaching(share: number, { first, chances }: Sums): number {
  let reached = 0;
  const place = chances.findIndex((chance) => {
    reached += chance;
    return reached >= share - rounding;
  });
  return first + (place < 0 ? chances.length - 1 : place);
}

/** The means of random samples. */
function randomMeans(values: readonly number[], resamples: number, random: () => number): Means {
  const n = values.length;
  const means = Float64Array.from({ length: resamples }, () => {
    let total = 0;
    for (let draw = 0; draw < n; draw += 1) total += values[Math.floor(random() * n)] ?? 0;
    return total / n;
  }).sort();
  const seen = sum(values) / n;
  const below = means.reduce((share, mean) => share + weightBelow(mean, seen) / resamples, 0);
  return {
    // Not 0 or 1, of which there is no normal quantile.
    below: Math.min(Math.max(below, 0.5 / resamples), 1 - 0.5 / resamples),
    quantile: (share) => means[Math.max(1, Math.ceil(share * resamples)) - 1] ?? seen,
  };
}
