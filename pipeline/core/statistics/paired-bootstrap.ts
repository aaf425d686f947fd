import { normalCumulative, normalQuantile } from "../quantile.ts";
import { intervalLevel } from "../wilson.ts";
import { drawBinomial } from "./binomial-draw.ts";

/** What a draw of a binomial number costs, in draws of one value. */
const costOfBinomial = 8;

/**
 * The BCa bootstrap interval (Efron 1987, https://doi.org/10.1080/01621459.1987.10478410; Efron and Tibshirani 1993, An
 * Introduction to the Bootstrap, 14.3) of the mean of `differences`, one for each independent pair.
 *
 * The ends are quantiles of the means of `resamples` samples of as many differences, drawn with replacement. Which
 * quantiles depends on the bias z0, the normal quantile of the share of these means below the one seen (equal ones count
 * half, as such means often are equal), and on the acceleration a, a sixth of the jackknife values' skewness, which for a
 * mean is Σ(x - x̄)³ / 6(Σ(x - x̄)²)^1.5. Undefined where all differences are equal, or there are fewer than two: they
 * would make an interval without width, and tell nothing of how far it could be. The order given does not matter.
 */
export function pairedBootstrap(
  differences: readonly number[],
  { random, resamples = 10_000, level = intervalLevel }: { random: () => number; resamples?: number; level?: number },
): { low: number; high: number } | undefined {
  const n = differences.length;
  const sorted = Float64Array.from(differences).sort();
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  if (n < 2 || sorted[0] === sorted[n - 1]) return undefined;
  const cubes = sorted.reduce((sum, value) => sum + (value - mean) ** 3, 0);
  const acceleration = cubes / 6 / squares ** 1.5;

  const means = resampledMeans(sorted, resamples, random).sort();
  const rounding = 1e-12 * Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted[n - 1] ?? 0));
  const below = means.reduce((sum, each) => sum + (each < mean - rounding ? 1 : each <= mean + rounding ? 0.5 : 0), 0);
  const bias = normalQuantile(Math.min(Math.max(below, 0.5), resamples - 0.5) / resamples);
  const z = normalQuantile((1 + level) / 2);
  const adjusted = (score: number) => normalCumulative(bias + (bias + score) / (1 - acceleration * (bias + score)));
  // The (m + 1) share-th of m in order, rounded outwards (Efron and Tibshirani, 12.5).
  const low = Math.floor((resamples + 1) * adjusted(-z));
  const high = Math.ceil((resamples + 1) * adjusted(z));
  return { low: means[Math.max(low, 1) - 1] ?? mean, high: means[Math.min(high, resamples) - 1] ?? mean };
}

/** The means of samples of as many values, drawn with replacement. Changes with the order of `values` only. */
function resampledMeans(values: Float64Array, resamples: number, random: () => number): Float64Array {
  const n = values.length;
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const means = new Float64Array(resamples);
  if (counts.size * costOfBinomial > n) {
    for (let resample = 0; resample < resamples; resample += 1) {
      let sum = 0;
      for (let draw = 0; draw < n; draw += 1) sum += values[Math.floor(random() * n)] ?? 0;
      means[resample] = sum / n;
    }
    return means;
  }
  // A mean depends only on how often each value was drawn: a multinomial number, which is a chain of binomial ones.
  const distinct = [...counts];
  for (let resample = 0; resample < resamples; resample += 1) {
    let [sum, draws, others] = [0, n, n];
    for (const [value, count] of distinct) {
      const drawn = count === others ? draws : drawBinomial(draws, count / others, random);
      sum += value * drawn;
      draws -= drawn;
      others -= count;
    }
    means[resample] = sum / n;
  }
  return means;
}
