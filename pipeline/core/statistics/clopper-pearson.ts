import { betaQuantile } from "../quantile.ts";
import { intervalLevel } from "../wilson.ts";

/**
 * The exact interval of Clopper and Pearson 1934 (https://doi.org/10.1093/biomet/26.4.404) for the chance behind
 * `successes` of `trials` ≥ 1: the chances that neither tail of the binomial distribution rejects at (1 - level) / 2. Its
 * ends are quantiles of Beta distributions (Brown, Cai and DasGupta 2001, https://doi.org/10.1214/ss/1009213286, 4.2.1).
 * It covers at least `level` whatever the chance, and is wider than Wilson's.
 */
export function clopperPearson(
  successes: number,
  trials: number,
  level = intervalLevel,
): { low: number; high: number } {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} successes of ${trials} trials say nothing of a chance`);
  }
  const tail = (1 - level) / 2;
  const failures = trials - successes;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, failures + 1),
    high: failures === 0 ? 1 : betaQuantile(1 - tail, successes + 1, failures),
  };
}
