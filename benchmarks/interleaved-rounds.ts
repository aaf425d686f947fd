import type { Contest, Range, Row, Way } from "./benchmark.ts";

interface Round {
  seconds: number;
  milliseconds: number[]; // of each run
}

/**
 * Measures all ways of a task in turn, round after round, so that a drift of the machine hits all alike; in every other
 * round in the opposite order.
 */
export async function measure(
  { task, ways }: Contest,
  { rounds, concurrency }: { rounds: number; concurrency: number },
): Promise<Row[]> {
  const measured = new Map<Way, Round[]>(ways.map((way) => [way, []]));
  for (const way of ways) await runMany(way, concurrency, concurrency); // caches and workers are warm then
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      measured.get(way)?.push(await runMany(way, way.runsPerRound, concurrency));
    }
  }
  const [first] = ways;
  const reference = measured.get(first) ?? [];
  return ways.map((way) => rowOf(task, way.name, measured.get(way) ?? [], way === first ? undefined : reference));
}

async function runMany({ runOnce }: Way, count: number, concurrency: number): Promise<Round> {
  const milliseconds: number[] = [];
  let started = 0;
  const began = performance.now();
  const runOneAfterAnother = async () => {
    while (started++ < count) milliseconds.push(await runOnce());
  };
  await Promise.all(Array.from({ length: concurrency }, runOneAfterAnother));
  return { seconds: (performance.now() - began) / 1000, milliseconds };
}

function rowOf(task: string, way: string, rounds: Round[], reference: Round[] | undefined): Row {
  const all = rounds.flatMap(({ milliseconds }) => milliseconds);
  const medians = rounds.map(({ milliseconds }) => quantile(milliseconds, 0.5));
  const row: Row = {
    ...{ task, way, runs: all.length },
    perSecond: all.length / rounds.reduce((sum, { seconds }) => sum + seconds, 0),
    median: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    spread: rangeOf(medians),
  };
  if (!reference) return row;
  const rate = (round: Round | undefined) => (round ? round.milliseconds.length / round.seconds : Number.NaN);
  const ratios = rounds.map((round, index) => rate(reference[index]) / rate(round));
  return { ...row, ratio: { median: quantile(ratios, 0.5), ...rangeOf(ratios) } };
}

function rangeOf(values: readonly number[]): Range {
  return { lowest: Math.min(...values), highest: Math.max(...values) };
}

/** The smallest value that at least the given share of values does not exceed; of none, NaN. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
