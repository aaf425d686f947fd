import { type Electorate, shuffleStart, winCounter } from "./electorate.ts";

export const partitions = 100;

/**
 * An estimate of the variance of maj@k over other seeds, for each k with 2k ≤ n, given maj@k itself.
 *
 * Unbiased, as the votes of disjoint subsets are independent: maj@k² minus the mean of their products has the
 * expectation E[U²] - E[U]² (Wang and Lindsay 2014, https://doi.org/10.5705/ss.2012.215). The mean is taken over the
 * pairs within `partitions` random partitions; at k = 1 there is but one, and the variance is p(1 - p) / (n - 1). It can
 * be negative for a single problem; sums over problems are meant.
 */
export function majAtVariances(
  electorate: Electorate,
  estimates: readonly { k: number; estimate: number }[],
  random: () => number,
): number[] {
  const n = electorate.ballots.length;
  if (isCertain(electorate)) return estimates.map(() => 0);
  const order = Int32Array.from(electorate.ballots.keys());
  const size = n * electorate.answers;
  const scratch = { blockOf: new Int32Array(n), counts: new Int32Array(size), firsts: new Int32Array(size) };
  const products = estimates.map(() => 0);
  for (let round = 0; round < partitions; round += 1) {
    shuffleStart(order, n, random);
    for (const [index, { k }] of estimates.entries()) {
      if (k === 1) continue;
      const blocks = Math.floor(n / k);
      const won = blocksWon(electorate, order, k, scratch);
      products[index] = (products[index] ?? 0) + (won * (won - 1)) / (blocks * (blocks - 1));
    }
  }
  return estimates.map(({ k, estimate }, index) =>
    k === 1 ? (estimate * (1 - estimate)) / (n - 1) : estimate ** 2 - (products[index] ?? 0) / partitions,
  );
}

/** Whether every subset elects the right answer, or none. */
function isCertain({ ballots, answers, rightByDefault }: Electorate): boolean {
  const right = ballots.reduce((count, answer) => count + (answer === 0 ? 1 : 0), 0);
  if (right === 0 && !rightByDefault) return true;
  return answers === 1 && (right === ballots.length || rightByDefault);
}

/**
 * How many of the first ⌊n / k⌋ groups of k candidates in this order elect the right answer, each voting for itself.
 * Ballots are counted in vote order, which is cheaper than to sort each group.
 */
function blocksWon(
  { ballots, answers, rightByDefault }: Electorate,
  order: Int32Array,
  k: number,
  { blockOf, counts, firsts }: Record<"blockOf" | "counts" | "firsts", Int32Array>, // room to work in
): number {
  const n = order.length;
  const blocks = Math.floor(n / k);
  counts.fill(0, 0, blocks * answers);
  for (let index = 0; index < n; index += 1) blockOf[order[index] ?? 0] = Math.floor(index / k);
  for (let place = 0; place < n; place += 1) {
    const block = blockOf[place] ?? 0;
    const answer = ballots[place] ?? -1;
    if (answer < 0 || block >= blocks) continue;
    const slot = block * answers + answer;
    const count = counts[slot] ?? 0;
    if (count === 0) firsts[slot] = place;
    counts[slot] = count + 1;
  }
  let won = 0;
  for (let start = 0; start < blocks * answers; start += answers) {
    const right = counts[start] ?? 0;
    let wins = right > 0;
    let ballotsCast = right;
    for (let slot = start + 1; slot < start + answers; slot += 1) {
      const count = counts[slot] ?? 0;
      ballotsCast += count;
      if (count > right || (count === right && (firsts[slot] ?? 0) < (firsts[start] ?? 0))) wins = false;
    }
    if (ballotsCast === 0 ? rightByDefault : wins) won += 1;
  }
  return won;
}

export const resamples = 1000;

/**
 * The chance that n candidates more, of the same kind, would elect the right answer, by the bootstrap (Efron and
 * Tibshirani 1993): n draws with replacement, `resamples` times. The draws vote by rank and then in the order drawn.
 */
export function resampledWinRate(electorate: Electorate, random: () => number): number {
  if (isCertain(electorate)) return electorate.ballots.includes(0) || electorate.rightByDefault ? 1 : 0;
  const { ranks } = electorate;
  const n = ranks.length;
  const wins = winCounter(electorate);
  const drawn = new Int32Array(n);
  const ranked = ranks[0] !== ranks[n - 1];
  let won = 0;
  for (let round = 0; round < resamples; round += 1) {
    for (let index = 0; index < n; index += 1) drawn[index] = Math.floor(random() * n);
    if (ranked) drawn.sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0)); // stable
    if (wins(drawn)) won += 1;
  }
  return won / resamples;
}
