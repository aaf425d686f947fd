import { type Electorate, shuffleStart, winCounter } from "./electorate.ts";

export const partitions = 200;

/**
 * An estimate of the variance of maj@k over other seeds, for each k with 2k ≤ n, given maj@k itself.
 *
 * Unbiased, as the votes of disjoint subsets are independent: maj@k² minus the mean of their products has the
 * expectation E[U²] - E[U]² (Wang and Lindsay 2014, https://doi.org/10.5705/ss.2012.215). The mean is taken over the
 * pairs within `partitions` random partitions. Exact at k = 1. It can be negative for a single problem; sums are meant.
 */
export function majAtVariances(
  electorate: Electorate,
  estimates: readonly { k: number; estimate: number }[],
  random: () => number,
): number[] {
  const order = Int32Array.from(electorate.ballots.keys());
  const wins = winCounter(electorate);
  const products = estimates.map(() => 0);
  for (let round = 0; round < partitions; round += 1) {
    shuffleStart(order, order.length, random);
    for (const [index, { k }] of estimates.entries()) {
      const blocks = Math.floor(order.length / k);
      let won = 0;
      for (let block = 0; block < blocks; block += 1) {
        if (wins(order.slice(block * k, (block + 1) * k).sort())) won += 1;
      }
      products[index] = (products[index] ?? 0) + (won * (won - 1)) / (blocks * (blocks - 1));
    }
  }
  return estimates.map(({ estimate }, index) => estimate ** 2 - (products[index] ?? 0) / partitions);
}

export const resamples = 1000;

/**
 * The chance that n candidates more, of the same kind, would elect the right answer, by the bootstrap (Efron and
 * Tibshirani 1993): n draws with replacement, `resamples` times. The draws vote by rank and then in the order drawn.
 */
export function resampledWinRate(electorate: Electorate, random: () => number): number {
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
