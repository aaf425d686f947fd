import { regularizedBeta } from "../quantile.ts";

/**
 * The two-sided exact p-value of McNemar's test for pairs of which `gained` turned from wrong to right and `lost` from
 * right to wrong: min(1, 2 P(X ≤ min(gained, lost))) with X of the binomial distribution of gained + lost trials and
 * chance 1/2 (Fagerland, Lydersen and Laake 2013, https://doi.org/10.1186/1471-2288-13-91). 1 without such pairs.
 */
export function mcNemarExact(gained: number, lost: number): number {
  if (gained === lost) return 1;
  const fewer = Math.min(gained, lost);
  const more = Math.max(gained, lost);
  // P(X ≤ k) of n trials is I_{1/2}(n - k, k + 1): https://dlmf.nist.gov/8.17.E5
  return Math.min(1, 2 * regularizedBeta(0.5, more, fewer + 1));
}
