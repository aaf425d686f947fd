/**
 * pass@k: the chance that k of n candidates, drawn without replacement, hold a right one, where `right` of them are:
 * 1 - C(n - right, k) / C(n, k), the unbiased estimator of Chen et al. 2021 (https://arxiv.org/abs/2107.03374).
 * A product of n - k + 1 … factors instead of the coefficients, so that nothing overflows. Needs 1 ≤ k ≤ n.
 */
export function passAt(n: number, right: number, k: number): number {
  return 1 - failAt(n, right, k);
}

/** C(n - right, k) / C(n, k): the chance that none of k candidates is right. */
export function failAt(n: number, right: number, k: number): number {
  if (!(k >= 1 && k <= n && right >= 0 && right <= n)) throw new RangeError(`pass@${k} of ${right} right among ${n}`);
  if (k > n - right) return 0;
  let chance = 1;
  for (let i = n - right + 1; i <= n; i += 1) chance *= 1 - k / i;
  return chance;
}

/**
 * An unbiased estimate of the variance of pass@k over other seeds, for 2k ≤ n.
 *
 * With q the chance that a candidate is wrong, C(w, k) / C(n, k) has the expectation q^k, and the same at 2k has q^2k,
 * the square of it; so the estimator's square minus its value at 2k is an unbiased variance. At k = 1 it is the familiar
 * p(1 - p) / (n - 1). It can be negative for a single problem; sums over problems are meant.
 */
export function passAtVariance(n: number, right: number, k: number): number {
  return failAt(n, right, k) ** 2 - failAt(n, right, 2 * k);
}
