import { binomial, binomialRow, largestBinomial } from "./binomial.ts";
import { creditCounter, type Electorate, shuffleStart } from "./electorate.ts";
import { gaussLegendre } from "./statistics/gauss-legendre.ts";

/** Multiplications beyond which a problem is sampled instead: about a second. No 256 candidates need as many. */
const mostWork = 2e8;
/** Subsets up to which all are gone through, where there is no formula. */
const mostSubsets = 50_000;
export const sampledSubsets = 4096;

/** maj@k of one electorate; `standardError` where it is from random subsets. */
export interface MajAt {
  value: number;
  standardError?: number;
}

/**
 * maj@k for each k in `sizes` (1 ≤ k ≤ n): the share of all k-subsets of the candidates whose vote elects the expected
 * answer; a shared win counts in part. The subset votes in vote order.
 *
 * Exact where ballots are counted or the best one decides, without going through the subsets; where ballots are weighed, by
 * going through them if there are no more than 50,000. Otherwise `sampledSubsets` random subsets stand for all of them.
 */
export function majAt(electorate: Electorate, sizes: readonly number[], random: () => number): MajAt[] {
  const n = electorate.ballots.length;
  for (const k of sizes) if (!(k >= 1 && k <= n)) throw new RangeError(`maj@${k} of ${n} candidates`);
  const countable = n <= largestBinomial;
  if (countable && electorate.worth === "count") {
    const groups = groupsOf(electorate);
    if (workOf(groups) <= mostWork) {
      const wins = electorate.tiesShared
        ? sharedWins(electorate, groups, sizes)
        : orderedWins(electorate, groups, sizes);
      return sizes.map((k, index) => ({ value: Math.min(1, (wins[index] ?? 0) / binomial(n, k)) }));
    }
  }
  if (countable && electorate.worth === "max" && !(electorate.tiesShared && hasEqualWeights(electorate))) {
    return sizes.map((k) => ({ value: bestShare(electorate, k) }));
  }
  return sizes.map((k) => {
    const isFew = countable && binomial(n, k) <= mostSubsets;
    return isFew ? { value: shareOfAll(electorate, k) } : sampledShare(electorate, k, random);
  });
}

/**
 * How many k-subsets the right answer wins, for each size, where the answer whose first ballot in the subset comes
 * earliest wins a tie.
 *
 * Subsets are sorted by how many ballots m the right answer has, and where the first of these stands. A rival loses if
 * it has fewer than m ballots in the subset, or m of them that all come later. So the subsets in which it loses are
 * counted by the polynomial
 *   Σ_{t<m} C(ballots, t) z^t + C(ballots after the right answer's first, m) z^m,
 * independently of the other rivals, and the coefficient of z^(k-m) in the product of these polynomials and of
 * (1 + z)^blanks counts the ways to fill up the subset. All terms are positive: no digits cancel.
 */
function orderedWins(electorate: Electorate, groups: Groups, sizes: readonly number[]): Float64Array {
  const n = electorate.ballots.length;
  const { right, rivals, blanks } = groups;
  const wins = new Float64Array(sizes.length);
  if (electorate.rightByDefault) addProduct(wins, sizes, 0, Float64Array.of(1), blanks);
  for (let m = 1; m <= right.length; m += 1) {
    const contenders = rivals.filter((positions) => positions.length >= m);
    const harmless = n - right.length - contenders.reduce((sum, positions) => sum + positions.length, 0);
    for (const { first, ways } of firstBallots(right, m, contenders)) {
      const losing = contenders.map((positions) => losingWays(positions.length, m, countAfter(positions, first)));
      addProduct(wins, sizes, m, multiply(losing, ways), harmless);
    }
  }
  return wins;
}

/**
 * The same where answers with equally many ballots share the win: one that s rivals equal counts 1 / (s + 1).
 *
 * That is the integral of y^s over [0, 1]. So each rival has the polynomial Σ_{t<m} C(ballots, t) z^t + y C(ballots, m)
 * z^m, the product is integrated over y, and Gauss and Legendre's rule with half as many nodes as there are rivals does
 * that exactly (https://dlmf.nist.gov/3.5.v).
 */
function sharedWins(electorate: Electorate, { right, rivals, blanks }: Groups, sizes: readonly number[]): Float64Array {
  const n = electorate.ballots.length;
  const wins = new Float64Array(sizes.length);
  if (electorate.rightByDefault) addProduct(wins, sizes, 0, Float64Array.of(1), blanks);
  for (let m = 1; m <= right.length; m += 1) {
    const contenders = rivals.filter((positions) => positions.length >= m);
    const harmless = n - right.length - contenders.reduce((sum, positions) => sum + positions.length, 0);
    for (const { node, weight } of gaussLegendre(Math.floor(contenders.length / 2) + 1)) {
      const losing = contenders.map(({ length }) => losingWays(length, m, length, node));
      addProduct(wins, sizes, m, multiply(losing, weight * binomial(right.length, m)), harmless);
    }
  }
  return wins;
}

/**
 * Where the heaviest ballot decides: each candidate is the first of a random k-subset, in the order of weights, with the
 * chance C(those after it, k - 1) / C(n, k). Those without a ballot come last.
 */
function bestShare({ ballots, weights, rightByDefault }: Electorate, k: number): number {
  const n = ballots.length;
  const order = [...ballots.keys()]
    .filter((place) => (ballots[place] ?? -1) >= 0)
    .toSorted((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0)); // stable: the earlier one wins a tie
  let wins = rightByDefault ? binomial(n - order.length, k) : 0;
  for (const [index, place] of order.entries()) if (ballots[place] === 0) wins += binomial(n - index - 1, k - 1);
  return Math.min(1, wins / binomial(n, k));
}

function hasEqualWeights({ ballots, weights }: Electorate): boolean {
  const cast = [...weights].filter((_, place) => (ballots[place] ?? -1) >= 0);
  return new Set(cast).size < cast.length;
}

interface Groups {
  right: number[]; // positions of the right answer's ballots, ascending
  rivals: number[][]; // the same of each other answer
  blanks: number;
}

function groupsOf({ ballots, answers }: Electorate): Groups {
  const positions = Array.from({ length: answers }, (): number[] => []);
  for (const [position, answer] of ballots.entries()) positions[answer]?.push(position);
  const [right = [], ...rivals] = positions;
  const cast = positions.reduce((sum, group) => sum + group.length, 0);
  return { right, rivals, blanks: ballots.length - cast };
}

/** An upper bound of the multiplications that counting takes. */
function workOf({ right, rivals }: Groups): number {
  let work = 0;
  for (let m = 1; m <= right.length; m += 1) {
    const degree = m * rivals.filter((positions) => positions.length >= m).length;
    work += right.length * degree ** 2;
  }
  return work;
}

/**
 * Where the first of m ballots for the right answer can stand, and in how many ways the others follow. Ballots between
 * which no contender votes are one case.
 */
function firstBallots(right: number[], m: number, contenders: number[][]): { first: number; ways: number }[] {
  const cases: { first: number; ways: number }[] = [];
  let before = "";
  for (let index = 0; index + m <= right.length; index += 1) {
    const first = right[index] ?? 0;
    const ways = binomial(right.length - index - 1, m - 1);
    const after = contenders.map((positions) => countAfter(positions, first)).join();
    const last = cases.at(-1);
    if (last && after === before) last.ways += ways;
    else cases.push({ first, ways });
    before = after;
  }
  return cases;
}

/** Ways for a rival to have t = 0 … m ballots in a subset and still lose: m of them only from the `later` ones. */
function losingWays(ballots: number, m: number, later: number, scale = 1): Float64Array {
  const ways = binomialRow(ballots).slice(0, m + 1);
  ways[m] = scale * binomial(later, m);
  return ways;
}

function countAfter(positions: number[], first: number): number {
  const index = positions.findIndex((position) => position > first);
  return index === -1 ? 0 : positions.length - index;
}

function multiply(factors: Float64Array[], scale: number): Float64Array {
  let product = Float64Array.of(scale);
  for (const factor of factors) {
    const next = new Float64Array(product.length + factor.length - 1);
    for (const [i, a] of product.entries()) {
      for (let j = 0; j < factor.length; j += 1) next[i + j] = (next[i + j] ?? 0) + a * (factor[j] ?? 0);
    }
    product = next;
  }
  return product;
}

/** Adds to each size's wins the coefficient of z^(k-m) in `polynomial` × (1 + z)^free. */
function addProduct(wins: Float64Array, sizes: readonly number[], m: number, polynomial: Float64Array, free: number) {
  for (const [index, k] of sizes.entries()) {
    let ways = 0;
    for (const [degree, coefficient] of polynomial.entries()) ways += coefficient * binomial(free, k - m - degree);
    wins[index] = (wins[index] ?? 0) + ways;
  }
}

function sampledShare(electorate: Electorate, k: number, random: () => number): MajAt {
  const order = Int32Array.from(electorate.ballots.keys());
  const credit = creditCounter(electorate);
  let [won, squares] = [0, 0];
  for (let draw = 0; draw < sampledSubsets; draw += 1) {
    shuffleStart(order, k, random);
    const share = credit(order.slice(0, k).sort());
    won += share;
    squares += share ** 2;
  }
  const value = won / sampledSubsets;
  const variance = Math.max(0, squares / sampledSubsets - value ** 2);
  return { value, standardError: Math.sqrt(variance / sampledSubsets) };
}

/** Over all k-subsets, in lexicographic order. */
function shareOfAll(electorate: Electorate, k: number): number {
  const n = electorate.ballots.length;
  const credit = creditCounter(electorate);
  const subset = Int32Array.from({ length: k }, (_, index) => index);
  let [won, subsets] = [0, 0];
  for (;;) {
    won += credit(subset);
    subsets += 1;
    let last = k - 1;
    while (last >= 0 && subset[last] === n - k + last) last -= 1;
    if (last < 0) return won / subsets;
    subset[last] = (subset[last] ?? 0) + 1;
    for (let index = last + 1; index < k; index += 1) subset[index] = (subset[index - 1] ?? 0) + 1;
  }
}
