import { binomial, binomialRow, largestBinomial } from "./binomial.ts";
import { type Electorate, shuffleStart, winCounter } from "./electorate.ts";

/** Multiplications beyond which a problem is sampled instead: about a second. No 256 candidates need as many. */
const mostWork = 2e8;
export const sampledSubsets = 4096;

/** Whether `majAt` counts every subset. */
export function isExact(electorate: Electorate): boolean {
  return electorate.ballots.length <= largestBinomial && workOf(groupsOf(electorate)) <= mostWork;
}

/**
 * maj@k for each k in `sizes` (1 ≤ k ≤ n): the share of all k-subsets of the candidates whose vote elects the expected
 * answer. The subset votes in vote order, and the answer whose first ballot in the subset comes earliest
 * wins a tie.
 *
 * Exact, without going through the subsets: they are sorted by how many ballots m the right answer has, and where the
 * first of these stands. A rival loses if it has fewer than m ballots in the subset, or m of them that all come later.
 * So the subsets in which it loses are counted by the polynomial
 *   Σ_{t<m} C(ballots, t) z^t + C(ballots after the right answer's first, m) z^m,
 * independently of the other rivals, and the coefficient of z^(k-m) in the product of these polynomials and of
 * (1 + z)^blanks counts the ways to fill up the subset. All terms are positive: no digits cancel. Where that is too much
 * work (see `isExact`), `sampledSubsets` random subsets stand for all of them.
 */
export function majAt(electorate: Electorate, sizes: readonly number[], random: () => number): number[] {
  const n = electorate.ballots.length;
  for (const k of sizes) if (!(k >= 1 && k <= n)) throw new RangeError(`maj@${k} of ${n} candidates`);
  if (!isExact(electorate)) return sizes.map((k) => sampledShare(electorate, k, random));

  const groups = groupsOf(electorate);
  const { right, rivals, blanks } = groups;
  const wins = new Float64Array(sizes.length);
  if (electorate.rightByDefault) addProduct(wins, sizes, 0, Float64Array.of(1), blanks);
  for (let m = 1; m <= right.length; m += 1) {
    const contenders = rivals.filter((positions) => positions.length >= m);
    const harmless = n - right.length - contenders.reduce((sum, positions) => sum + positions.length, 0);
    for (const { first, ways } of firstBallots(right, m, contenders)) {
      const losing = contenders.map((positions) => losingWays(positions, m, first));
      addProduct(wins, sizes, m, multiply(losing, ways), harmless);
    }
  }
  return sizes.map((k, index) => Math.min(1, (wins[index] ?? 0) / binomial(n, k)));
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

/** Ways for a rival to have t = 0 … m ballots in a subset and still lose. */
function losingWays(positions: number[], m: number, first: number): Float64Array {
  const ways = binomialRow(positions.length).slice(0, m + 1);
  ways[m] = binomial(countAfter(positions, first), m);
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

function sampledShare(electorate: Electorate, k: number, random: () => number): number {
  const order = Int32Array.from(electorate.ballots.keys());
  const wins = winCounter(electorate);
  let won = 0;
  for (let draw = 0; draw < sampledSubsets; draw += 1) {
    shuffleStart(order, k, random);
    if (wins(order.slice(0, k).sort())) won += 1;
  }
  return won / sampledSubsets;
}
