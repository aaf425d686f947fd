/** The largest n whose binomial coefficients, times n, still fit a double. */
export const largestBinomial = 1000;

const rows = new Map<number, Float64Array>();

/** C(n, 0) … C(n, n) as doubles, each within a few n units in the last place. Throws above `largestBinomial`. */
export function binomialRow(n: number): Float64Array {
  if (n > largestBinomial) throw new RangeError(`C(${n}, k) does not fit a double`);
  const known = rows.get(n);
  if (known) return known;
  const row = new Float64Array(n + 1);
  let coefficient = 1;
  for (let k = 0; k <= n; k += 1) {
    row[k] = coefficient;
    coefficient = (coefficient * (n - k)) / (k + 1);
  }
  rows.set(n, row);
  return row;
}

/** C(n, k), and 0 outside 0 ≤ k ≤ n. */
export function binomial(n: number, k: number): number {
  return n < 0 || k < 0 || k > n ? 0 : (binomialRow(n)[k] ?? 0);
}
