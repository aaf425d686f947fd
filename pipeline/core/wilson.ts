import { normalTwoSided } from "./quantile.ts";

/** The level of every interval that a summary shows. */
export const intervalLevel = 0.95;

/** The normal quantile of that level. */
export const intervalQuantile = normalTwoSided(intervalLevel);

/**
 * The score interval of Wilson 1927 (https://doi.org/10.1080/01621459.1927.10502953) for a share of n trials, which need
 * not be whole. It stays within [0, 1], and is not empty at 0 and 1. Needs n > 0. `quantile` is the normal distribution's, or
 * Student's t where n is from an estimated variance.
 */
export function wilsonInterval(share: number, n: number, quantile = intervalQuantile): { low: number; high: number } {
  const shrink = 1 + quantile ** 2 / n;
  const centre = (share + quantile ** 2 / (2 * n)) / shrink;
  const half = (quantile / shrink) * Math.sqrt((share * (1 - share)) / n + quantile ** 2 / (4 * n ** 2));
  return { low: share <= 0 ? 0 : Math.max(0, centre - half), high: share >= 1 ? 1 : Math.min(1, centre + half) };
}
