import type { Candidate } from "../artifacts/candidate.ts";
import { executionOutcomes } from "../artifacts/execution.ts";
import { candidateKey } from "../artifacts/identifier.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { SetSummary, Summary } from "../artifacts/summary.ts";
import { certainWinner, type EarlyWinnerOptions } from "./early-stop/early-winner.ts";
import { estimatesOf } from "./estimates.ts";
import { type JournalFacts, zeros } from "./journal-facts.ts";
import { boundsOf, countRepeats, countsOf, imbalance, type LedgerEntry, ledgerOf, unsolvedCause } from "./ledger.ts";
import { type ProblemScore, scoreProblem, sizesUpTo } from "./problem-score.ts";
import { randomStream, seedOf } from "./seed.ts";
import { sum } from "./sum.ts";
import type { TimeLine } from "./time-line.ts";
import { type VoteOptions, type Voter, vote } from "./vote.ts";

/** A candidate, without its texts: what became of it, and a fingerprint of all that it wrote. */
export type SummaryCandidate = LedgerEntry &
  Pick<Candidate, "problemId" | "replicate" | "tokens" | "milliseconds"> & { fingerprint: string | undefined };

/** A problem with every candidate that the run planned for it. */
export interface SummaryProblem {
  problemId: string;
  set: string;
  gold: string;
  expected: string; // under the answer policy
  /** By replicate: its candidates, sorted by number, and what votes.jsonl says they elected. */
  replicates: { candidates: SummaryCandidate[]; elected: string | null }[];
}

interface SummaryOptions {
  runId: string;
  vote: VoteOptions;
  width: number;
  journal: JournalFacts | undefined;
  timeLine: TimeLine | undefined;
  setting: RunSetting;
}

/** What a run was allowed to do, as far as the account of its waste depends on it. */
export interface RunSetting {
  slots: number; // turns that could have been in flight at a time
  depth: number; // turns per candidate at most
  afterAnswer: Profile["afterAnswer"];
}

/** The seed of the resampling behind intervals: the same artifacts give the same summary. */
const resamplingSeed = 1;

/**
 * The summary of a complete run: per set and of all. Every problem weighs the same, also where sets differ in size.
 * Throws where a ledger does not balance, which a caller has to rule out.
 */
export function summarize(problems: readonly SummaryProblem[], options: SummaryOptions): Summary {
  const sizes = sizesUpTo(options.width);
  const scores = new Map(problems.map((problem) => [problem, score(problem, sizes, options.vote)]));
  const sets = Map.groupBy(problems, ({ set }) => set);
  const names = [...sets.keys()].toSorted();
  return {
    formatVersion: 1,
    runId: options.runId,
    sets: Object.fromEntries(names.map((name) => [name, summarizeSet(sets.get(name) ?? [], scores, sizes, options)])),
    all: summarizeSet(problems, scores, sizes, options),
    warnings: warningsOf(problems, options),
  };
}

function score({ problemId, expected, replicates }: SummaryProblem, sizes: number[], vote: VoteOptions): ProblemScore {
  const outcomes = replicates.map(({ candidates, elected }) => ({
    observed: candidates.filter(({ lost, outcome }) => !lost && outcome !== "decided"),
    correct: elected === expected,
  }));
  const seed = seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
  return scoreProblem(outcomes, expected, { sizes, vote }, randomStream(seed));
}

function summarizeSet(
  problems: readonly SummaryProblem[],
  scores: ReadonlyMap<SummaryProblem, ProblemScore>,
  sizes: number[],
  { vote, width, journal, timeLine, setting }: SummaryOptions,
): SetSummary {
  const votes = problems.flatMap(({ expected, replicates }) =>
    replicates.map((replicate) => ({ ...replicate, expected, correct: replicate.elected === expected })),
  );
  const candidates = votes.flatMap((each) => each.candidates);
  const replicates = votes.length / problems.length;
  const ledger = ledgerOf(candidates);
  if (imbalance(ledger, { problems: problems.length, replicates, width }) !== 0) {
    throw new Error(`the ledger of ${candidates.length} candidates does not balance`);
  }
  const causes: string[] = [];
  let [low, high] = [0, 0];
  for (const each of votes) {
    // Without a lost candidate the verdict stands as it is.
    const hasLost = each.candidates.some(({ lost }) => lost);
    const bounds = hasLost ? boundsOf(each.candidates, each.expected, vote) : { low: each.correct, high: each.correct };
    low += bounds.low ? 1 : 0;
    high += bounds.high ? 1 : 0;
    if (each.correct) continue;
    causes.push(unsolvedCause(each.candidates, each.expected, vote));
  }
  return {
    problems: problems.length,
    replicates,
    width,
    ...estimatesOf(
      problems.map((problem) => scores.get(problem)).filter((each) => each !== undefined),
      sizes,
      replicates,
    ),
    bounds: { low: low / votes.length, high: high / votes.length },
    ledger,
    silences: countsOf(candidates.map(({ silence }) => silence)),
    unsolved: countsOf(causes),
    ...(journal?.totals(candidates.map(candidateKey)) ?? { executions: zeros(executionOutcomes), truncatedTurns: 0 }),
    lostCandidates: candidates.filter(({ lost }) => lost).length,
    identicalCandidates: sum(votes.map((each) => repeatsOf(each.candidates))),
    tokens: {
      prompt: sum(candidates.map(({ tokens }) => tokens.prompt)),
      completion: sum(candidates.map(({ tokens }) => tokens.completion)),
    },
    seconds: sum(candidates.map(({ milliseconds }) => milliseconds)) / 1000,
    ...timeLine?.account(
      votes.map((each) => each.candidates),
      setting.slots,
      (ended) => isDecided(ended, width, { ...vote, ...setting }),
    ),
  };
}

/** Whether these candidates settle the vote, whatever the others do in their turns. */
function isDecided(ended: readonly Voter[], width: number, options: EarlyWinnerOptions): boolean {
  const numbers = new Set(ended.map(({ candidate }) => candidate));
  const all = Array.from({ length: width }, (_, candidate) => ({ candidate, turns: 0 }));
  const open = all.filter(({ candidate }) => !numbers.has(candidate));
  return certainWinner({ ended, open }, options) !== undefined;
}

const modulesNamed = 5; // in a warning

/** What a reader should know before trusting the numbers. */
function warningsOf(problems: readonly SummaryProblem[], { vote: options, journal }: SummaryOptions): string[] {
  const votes = problems.flatMap(({ replicates }) => replicates);
  const candidates = votes.flatMap((each) => each.candidates);
  const warnings: string[] = [];

  const lost = candidates.filter((candidate) => candidate.lost).length;
  if (lost > 0) {
    warnings.push(
      `${lost} of ${candidates.length} candidates were lost to the engine or the sandbox. They cast no ballot, and ` +
        "candidate accuracy, pass@k and maj@k leave them out; `bounds` says how much they could change the accuracy.",
    );
  }
  const decided = candidates.filter(({ outcome }) => outcome === "decided").length;
  if (decided > 0) {
    warnings.push(
      `${decided} of ${candidates.length} candidates were cancelled once their vote was decided. Candidate accuracy, ` +
        "pass@k and maj@k leave them out, so they favour candidates that finish early.",
    );
  }
  for (const [set, ofSet] of Map.groupBy(problems, (problem) => problem.set)) {
    const all = ofSet.flatMap(({ replicates }) => replicates.flatMap((each) => each.candidates));
    if (all.some(({ outcome, turns: made }) => outcome !== "budget" || made > 0)) continue;
    warnings.push(`Not one turn of ${set} was finished within the budget: its figures say nothing about the model.`);
  }
  const copies = votes.filter(({ candidates: { length }, candidates: same }) => {
    return length > 1 && repeatsOf(same) === length - 1;
  }).length;
  if (copies > 0) {
    warnings.push(
      `In ${copies} of ${votes.length} votes all candidates have the same text, byte for byte. At temperature 0 that is ` +
        "as it should be, and short texts repeat by chance; otherwise check that seeds reach the engine.",
    );
  }
  const other = votes.filter((each) => vote(each.candidates, options).answer !== each.elected).length;
  if (other > 0) {
    warnings.push(
      `votes.jsonl elects another answer in ${other} of ${votes.length} votes than the vote rule of this run. ` +
        "Accuracy follows votes.jsonl, maj@k the rule.",
    );
  }
  const diverged = journal?.divergedSessions(candidates.map(candidateKey)) ?? 0;
  if (diverged > 0) {
    warnings.push(
      `${diverged} of ${candidates.length} candidates went on in a Python session that was rebuilt from their earlier ` +
        "blocks, which printed something else than before (`execution.rebuilt: diverged` in turns.jsonl).",
    );
  }
  const missing = journal?.missingModules(candidates.map(candidateKey)) ?? [];
  if (missing.length > 0) {
    const counts = Object.entries(countsOf(missing.flat()));
    const named = counts.slice(0, modulesNamed).map(([name, count]) => `${name} (${count})`);
    const more = counts.length > named.length ? ` and ${counts.length - named.length} more` : "";
    warnings.push(
      `${missing.flat().length} executions in ${missing.length} candidates failed because a module is not installed: ` +
        `${named.join(", ")}${more}. \`sctir doctor\` says how to add a package.`,
    );
  }
  if (journal === undefined) {
    warnings.push("There is no turns.jsonl: executions, cut-off turns and repeated texts were not counted.");
  }
  return warnings;
}

function repeatsOf(candidates: readonly SummaryCandidate[]): number {
  return candidates.length > 1 ? countRepeats(candidates.map(({ fingerprint }) => fingerprint)) : 0;
}
