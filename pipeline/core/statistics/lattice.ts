/** These numbers, with 0 for what is only rounding, such as 0.1 + 0.2 - 0.3. */
export function withoutRounding(values: readonly number[]): number[] {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return values.map((value) => (Math.abs(value) <= largest * 1e-12 ? 0 : value));
}

/**
 * Numbers as whole multiples of the largest number that divides them all, up to rounding: 1/3, 0 and -1/2 are 2, 0 and
 * -3 sixths. Undefined where that is smaller than a 10,000th of the smallest of them, zeros aside. Means over replicates
 * and shares of candidates are such multiples, and what chance makes of them can be counted out.
 */
export function asMultiples(values: readonly number[]): number[] | undefined {
  const exact = withoutRounding(values);
  const smallest = exact.reduce((least, value) => (value === 0 ? least : Math.min(least, Math.abs(value))), Infinity);
  for (let parts = 1; parts <= 10_000; parts += 1) {
    const scale = parts / smallest;
    if (exact.every((value) => Math.abs(value * scale - Math.round(value * scale)) < 1e-6)) {
      return exact.map((value) => Math.round(value * scale));
    }
  }
  return undefined;
}
