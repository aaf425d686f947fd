import { creditCounter, type Electorate, shuffleStart } from "./electorate.ts";

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
  const isCounted = electorate.worth === "count" && !electorate.tiesShared;
  for (let round = 0; round < partitions; round += 1) {
    shuffleStart(order, n, random);
    for (const [index, { k }] of estimates.entries()) {
      if (k === 1) continue;
      const blocks = Math.floor(n / k);
      const { sum, squares } = isCounted
        ? blocksWon(electorate, order, k, scratch)
        : blockCredits(electorate, order, k, blocks);
      products[index] = (products[index] ?? 0) + (sum ** 2 - squares) / (blocks * (blocks - 1));
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

/** The credits of some groups' votes, summed up. */
interface Credits {
  sum: number;
  squares: number;
}

/** How right the votes of the first groups of k candidates in this order are, each voting for itself. */
function blockCredits(electorate: Electorate, order: Int32Array, k: number, blocks: number): Credits {
  const credit = creditCounter(electorate);
  let [sum, squares] = [0, 0];
  for (let block = 0; block < blocks; block += 1) {
    const share = credit(order.slice(block * k, (block + 1) * k).sort());
    sum += share;
    squares += share ** 2;
  }
  return { sum, squares };
}

/**
 * The same where ballots are counted and the earliest wins a tie. All groups are counted in one pass in vote order, which is
 * cheaper than to sort each.
 */
function blocksWon(
  { ballots, answers, rightByDefault }: Electorate,
  order: Int32Array,
  k: number,
  { blockOf, counts, firsts }: Record<"blockOf" | "counts" | "firsts", Int32Array>, // room to work in
): Credits {
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
  return { sum: won, squares: won };
}

const resamples = 1000;

/**
 * The chance that n candidates more, of the same kind, would elect the right answer, by the bootstrap (Efron and
 * Tibshirani 1993): n draws with replacement, `resamples` times. The draws vote by rank and then in the order drawn.
 */
export function resampledWinRate(electorate: Electorate, random: () => number): number {
  if (isCertain(electorate)) return electorate.ballots.includes(0) || electorate.rightByDefault ? 1 : 0;
  const { ranks } = electorate;
  const n = ranks.length;
  const credit = creditCounter(electorate);
  const drawn = new Int32Array(n);
  const ranked = ranks[0] !== ranks[n - 1];
  let won = 0;
  for (let round = 0; round < resamples; round += 1) {
    for (let index = 0; index < n; index += 1) drawn[index] = Math.floor(random() * n);
    if (ranked) drawn.sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0)); // stable
    won += credit(drawn);
  }
  return won / resamples;
}
