import type { CandidateOutcome } from "../../artifacts/candidate.ts";
import type { Estimate } from "../../artifacts/summary.ts";
import type { RunResults } from "../run-results.ts";
import { mcNemarExact } from "../statistics/mcnemar.ts";
import { pairedPermutation } from "../statistics/paired-permutation.ts";
import { sum } from "../sum.ts";
import { differenceOf } from "./difference.ts";
import { type Outlook, outlookOf, power } from "./outlook.ts";
import type { PairedProblem } from "./paired-problems.ts";

/** What two runs' results on the same problems say of them. Differences are b minus a. */
export interface PairComparison {
  a: string;
  b: string;
  problems: number;
  accuracy: { a: number; b: number };
  difference: Estimate;
  test: { name: string; pValue: number; adjustedPValue?: number };
  /** Problems that b solves and a does not, and the other way round: in most replicates, where there are several. */
  flipped: { gained: string[]; lost: string[] };
  detectableDifference: { difference: number | null; power: number };
  needed: { problems: number | null; replicates: number | null };
  cost: { a: Cost; b: Cost };
}

/** What a run spent on the problems that are compared. */
export interface Cost {
  candidates: number;
  tokens: number; // that the model wrote
  seconds: number; // summed over candidates
  outcomes: Partial<Record<CandidateOutcome, number>>;
}

/** Compares two runs on these problems, of which there is one at least. */
export function comparePair(
  a: RunResults,
  b: RunResults,
  pairs: readonly PairedProblem[],
  random: () => number,
): PairComparison {
  const outlook: Outlook = outlookOf(pairs, Math.max(a.replicates, b.replicates));
  const ids = new Set(pairs.map(({ problemId }) => problemId));
  return {
    a: a.name,
    b: b.name,
    problems: pairs.length,
    accuracy: {
      a: sum(pairs.map((pair) => pair.a.value)) / pairs.length,
      b: sum(pairs.map((pair) => pair.b.value)) / pairs.length,
    },
    difference: differenceOf(pairs, random),
    test: testOf(pairs, random),
    flipped: {
      gained: pairs.filter((pair) => solves(pair.b) && !solves(pair.a)).map(({ problemId }) => problemId),
      lost: pairs.filter((pair) => solves(pair.a) && !solves(pair.b)).map(({ problemId }) => problemId),
    },
    detectableDifference: { difference: outlook.detectable, power },
    needed: { problems: outlook.problemsNeeded, replicates: outlook.replicatesNeeded },
    cost: { a: costOf(a, ids), b: costOf(b, ids) },
  };
}

/** Exact for right and wrong; where problems count in parts, their differences' signs are exchanged. */
function testOf(pairs: readonly PairedProblem[], random: () => number): PairComparison["test"] {
  const differences = pairs.map(({ a, b }) => b.value - a.value);
  if (pairs.every(({ a, b }) => Number.isInteger(a.value) && Number.isInteger(b.value))) {
    const gained = differences.filter((difference) => difference > 0).length;
    const lost = differences.filter((difference) => difference < 0).length;
    return { name: "McNemar, exact", pValue: mcNemarExact(gained, lost) };
  }
  const permutation = pairedPermutation(differences, { random });
  const how = permutation.method === "exact" ? "exact" : `${permutation.resamples} draws`;
  return { name: `permutation of signs, ${how}`, pValue: permutation.pValue };
}

function solves({ value }: { value: number }): boolean {
  return value > 0.5;
}

function costOf({ problems }: RunResults, ids: ReadonlySet<string>): Cost {
  const candidates = problems
    .filter(({ problemId }) => ids.has(problemId))
    .flatMap(({ replicates }) => replicates.flatMap((replicate) => replicate.candidates));
  const outcomes: Cost["outcomes"] = {};
  for (const { outcome } of candidates) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return {
    candidates: candidates.length,
    tokens: sum(candidates.map(({ tokens }) => tokens.completion)),
    seconds: sum(candidates.map(({ milliseconds }) => milliseconds)) / 1000,
    outcomes,
  };
}
