import type { RunResults } from "../run-results.ts";
import { randomStream } from "../seed.ts";
import { holm } from "../statistics/holm.ts";
import { comparePair, type PairComparison } from "./compare-pair.ts";
import { type Pairing, pairProblems } from "./paired-problems.ts";
import { settingsThatDiffer } from "./settings.ts";

/** Every pair of some runs, per set and over all sets. */
export interface Comparison {
  runs: string[];
  /** Settings, as the config names them, in which not all runs are alike. */
  settingsThatDiffer: string[];
  /** What was left out, for each pair that does not share everything. */
  notShared: NotShared[];
  sets: Record<string, { pairs: PairComparison[] }>;
  all: { pairs: PairComparison[] };
}

export type NotShared = { a: string; b: string } & Omit<Pairing, "problems">;

/** The seed of the resampling: the same artifacts give the same comparison. */
const resamplingSeed = 3;

/**
 * Compares each run (with `baseline`: the first) with each later one on the problems that both have. p-values are adjusted for as many tests as
 * were made: those of all pairs in all sets, and apart from these those of all pairs over all sets.
 */
export function compareRuns(runs: readonly RunResults[], { baseline = false } = {}): Comparison {
  const firsts = baseline ? runs.slice(0, 1) : runs;
  const pairs = firsts.flatMap((a, index) => runs.slice(index + 1).map((b) => ({ a, b, ...pairProblems(a, b) })));
  const random = randomStream(resamplingSeed);
  const names = [...new Set(pairs.flatMap(({ problems }) => problems.map(({ set }) => set)))].toSorted();
  const inSet = (name: string) =>
    pairs.flatMap(({ a, b, problems }) => {
      const ofSet = problems.filter(({ set }) => set === name);
      return ofSet.length === 0 ? [] : [comparePair(a, b, ofSet, random)];
    });
  const sets = names.map((name) => inSet(name));
  const overAll = pairs.flatMap(({ a, b, problems }) =>
    problems.length === 0 ? [] : [comparePair(a, b, problems, random)],
  );
  const adjusted = adjust(sets.flat());
  return {
    runs: runs.map(({ name }) => name),
    settingsThatDiffer: settingsThatDiffer(runs),
    notShared: pairs.map(notShared).filter((each) => each !== undefined),
    sets: Object.fromEntries(
      names.map((name, index) => [name, { pairs: (sets[index] ?? []).map((pair) => adjusted.get(pair) ?? pair) }]),
    ),
    all: { pairs: [...adjust(overAll).values()] },
  };
}

/** Each pair with its p-value adjusted for all of them together, where there are several. */
function adjust(pairs: readonly PairComparison[]): Map<PairComparison, PairComparison> {
  if (pairs.length < 2) return new Map(pairs.map((pair) => [pair, pair]));
  const adjusted = holm(pairs.map(({ test }) => test.pValue));
  return new Map(
    pairs.map((pair, index) => [pair, { ...pair, test: { ...pair.test, adjustedPValue: adjusted[index] ?? 1 } }]),
  );
}

function notShared(pair: Pairing & { a: RunResults; b: RunResults }): NotShared | undefined {
  const { a, b, votesOf, onlyInA, onlyInB, otherAnswer, otherStatement } = pair;
  const leftOut = [onlyInA, onlyInB, otherAnswer, otherStatement].some(({ length }) => length > 0);
  if (!leftOut && a.width === b.width) return undefined;
  return { a: a.name, b: b.name, votesOf, onlyInA, onlyInB, otherAnswer, otherStatement };
}
