import { sum } from "../sum.ts";
import { asMultiples, withoutRounding } from "./lattice.ts";

/** A p-value, and for one from random flips how far it can be from the exact one. */
export type PermutationTest =
  | { pValue: number; method: "exact" }
  | { pValue: number; method: "monte-carlo"; resamples: number; standardError: number };

/** The most additions that an exact test may cost: about a tenth of a second. */
const largestWork = 1e8;

/** The most differences for which all choices of signs are gone through. */
const largestEnumeration = 20;

/** Sums that are equal but for rounding differ by less than this share of the sum of all sizes. */
const rounding = 1e-12;

/**
 * The two-sided sign-flip permutation test of the mean of paired differences (Fisher 1935, The Design of Experiments,
 * § 21): the share of all 2ⁿ ways to give the differences signs whose mean is at least as far from 0 as the one seen.
 *
 * Exact where all differences are multiples of one not too small number, as means over replicates are, or where there are
 * few; for differences of -1, 0 and 1 it is McNemar's exact test. Otherwise from `resamples` random flips, as
 * (b + 1) / (m + 1), which never rejects too often (Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585).
 * Without differences, or with zeros only, the p-value is 1. The order given does not matter.
 */
export function pairedPermutation(
  differences: readonly number[],
  { random, resamples = 10_000 }: { random: () => number; resamples?: number },
): PermutationTest {
  const others = withoutRounding(differences)
    .filter((difference) => difference !== 0)
    .sort((a, b) => Math.abs(a) - Math.abs(b) || a - b);
  const sizes = others.map(Math.abs);
  const multiples = asMultiples(others);
  const additions = multiples ? multiples.length * sum(multiples.map(Math.abs)) : Number.POSITIVE_INFINITY;
  const canEnumerate = sizes.length <= largestEnumeration;
  if (multiples && additions <= (canEnumerate ? 2 ** sizes.length : largestWork)) {
    return { pValue: shareAsFar(multiples), method: "exact" };
  }
  const least = Math.abs(sum(others)) - rounding * sum(sizes);
  if (canEnumerate) {
    const sums = allFlips(sizes);
    return { pValue: sums.filter((each) => Math.abs(each) >= least).length / sums.length, method: "exact" };
  }
  const pValue = (1 + countAsFar(sizes, least, resamples, random)) / (1 + resamples);
  return { pValue, method: "monte-carlo", resamples, standardError: Math.sqrt((pValue * (1 - pValue)) / resamples) };
}

/** Of all signs of these whole numbers, smallest first, the share whose sum is at least as far from 0 as with those they have. */
function shareAsFar(multiples: readonly number[]): number {
  const sizes = multiples.map(Math.abs);
  // A sum of -seen or less leaves at most this to the sizes with a plus. The chances of what these add up to: each size
  // is among them or not.
  const most = (sum(sizes) - Math.abs(sum(multiples))) / 2;
  const chances = new Float64Array(most + 1);
  chances[0] = 1;
  let reached = 0;
  for (const size of sizes) {
    reached = Math.min(most, reached + size);
    for (let plus = reached; plus >= 0; plus -= 1) {
      chances[plus] = ((chances[plus] ?? 0) + (plus >= size ? (chances[plus - size] ?? 0) : 0)) / 2;
    }
  }
  return Math.min(1, 2 * sum(chances));
}

/** How many of `resamples` random flips have a sum at least so far from 0. */
function countAsFar(sizes: readonly number[], least: number, resamples: number, random: () => number): number {
  // Eight signs are one look into a table of all flips of eight sizes, and three tables take 24 bits of a random number.
  const tables: Float64Array[] = [];
  for (let start = 0; start < sizes.length; start += 8) tables.push(allFlips(sizes.slice(start, start + 8)));
  let count = 0;
  for (let resample = 0; resample < resamples; resample += 1) {
    let total = 0;
    let bits = 0;
    for (let place = 0; place < tables.length; place += 1) {
      bits = place % 3 === 0 ? Math.floor(random() * 2 ** 24) : bits >>> 8;
      const table = tables[place] as Float64Array;
      total += table[bits & (table.length - 1)] ?? 0;
    }
    if (Math.abs(total) >= least) count += 1;
  }
  return count;
}

/** The sums under all 2ⁿ choices of signs. */
function allFlips(sizes: readonly number[]): Float64Array {
  const sums = new Float64Array(2 ** sizes.length);
  sizes.forEach((size, place) => {
    const known = 2 ** place;
    for (let flip = 0; flip < known; flip += 1) {
      const others = sums[flip] ?? 0;
      sums[flip] = others - size;
      sums[known + flip] = others + size;
    }
  });
  return sums;
}
