import { type Candidate, type CandidateOutcome, candidateOutcomes } from "../artifacts/candidate.ts";
import { zeros } from "./journal-facts.ts";
import { inVoteOrder, tallyOf, type VoteOptions, vote } from "./vote.ts";

/** A candidate with its end; `lost` where that was the engine's or the sandbox's doing (see `isLost`). */
export type LedgerEntry = Pick<Candidate, "candidate" | "outcome" | "answer" | "turns" | "meta"> & { lost: boolean };

/**
 * Whether a candidate says nothing about the model: the engine failed it for good, or the last block that it ran took
 * the sandbox down and it has no answer. One that answered all the same counts as any other.
 */
export function isLost({ outcome, answer }: Pick<Candidate, "outcome" | "answer">, endedInCrash: boolean): boolean {
  return outcome === "engine-failed" || (endedInCrash && answer === undefined);
}

/** How many candidates came to each end. */
export function ledgerOf(candidates: Iterable<Pick<Candidate, "outcome">>): Record<CandidateOutcome, number> {
  const ledger = zeros(candidateOutcomes);
  for (const { outcome } of candidates) ledger[outcome] += 1;
  return ledger;
}

/** How far a ledger is from problems × replicates × width: 0 when every candidate has exactly one end. */
export function imbalance(
  ledger: Readonly<Record<CandidateOutcome, number>>,
  { problems, replicates, width }: { problems: number; replicates: number; width: number },
): number {
  const counted = Object.values(ledger).reduce((sum, count) => sum + count, 0);
  return counted - problems * replicates * width;
}

/**
 * Why the vote on a problem in one replicate is not right, as one cause:
 *
 * - `engine`: at least half of the candidates are lost, and had they been right, the vote would have been right;
 * - `budget`: the same of candidates that ran out of time;
 * - `outvoted`: some candidate was right;
 * - `nobody-right`: there are ballots, and none for the right answer;
 * - `no-ballots: <outcome>`: nobody has an answer, and this is how most candidates ended.
 */
export function unsolvedCause(candidates: readonly LedgerEntry[], expected: string, options: VoteOptions): string {
  if (couldHaveWon(candidates, (candidate) => candidate.lost, expected, options)) return "engine";
  const ranOutOfTime = (candidate: LedgerEntry) => candidate.outcome === "budget" && candidate.answer === undefined;
  if (couldHaveWon(candidates, ranOutOfTime, expected, options)) return "budget";
  if (candidates.some((candidate) => candidate.answer === expected)) return "outvoted";
  if (candidates.some((candidate) => candidate.answer !== undefined)) return "nobody-right";
  const ledger = ledgerOf(candidates);
  const dominant = candidateOutcomes.reduce((most, outcome) => (ledger[outcome] > ledger[most] ? outcome : most));
  return `no-ballots: ${dominant}`;
}

function couldHaveWon(
  candidates: readonly LedgerEntry[],
  missing: (candidate: LedgerEntry) => boolean,
  expected: string,
  options: VoteOptions,
): boolean {
  const count = candidates.filter(missing).length;
  return count > 0 && 2 * count >= candidates.length && votesFor(candidates, missing, expected, options) === expected;
}

/** The answer elected, had the candidates in question all given this one. */
function votesFor(
  candidates: readonly LedgerEntry[],
  chosen: (candidate: LedgerEntry) => boolean,
  answer: string,
  options: VoteOptions,
): string | null {
  return vote(
    candidates.map((candidate) => (chosen(candidate) ? { ...candidate, answer } : candidate)),
    options,
  ).answer;
}

/**
 * Whether the vote on a problem in one replicate would be right, had every lost candidate been wrong, and had every one
 * been right. Wrong is meant as badly as can be: they all join the wrong answer that has the most ballots.
 */
export function boundsOf(
  candidates: readonly LedgerEntry[],
  expected: string,
  options: VoteOptions,
): { low: boolean; high: boolean } {
  const lost = (candidate: LedgerEntry) => candidate.lost;
  const ballots = inVoteOrder(candidates, options.ties).map((candidate) => candidate.answer);
  const rival = tallyOf(ballots).find(({ answer }) => answer !== expected)?.answer ?? "another answer";
  return {
    low: votesFor(candidates, lost, rival, options) === expected,
    high: votesFor(candidates, lost, expected, options) === expected,
  };
}

/**
 * How many candidates repeat the whole text of a lower one. `fingerprints` are those of one problem and replicate by
 * candidate number; one without a text repeats nothing.
 */
export function countRepeats(fingerprints: Iterable<string | undefined>): number {
  const seen = new Set<string>();
  let repeats = 0;
  for (const fingerprint of fingerprints) {
    if (fingerprint === undefined) continue;
    if (seen.has(fingerprint)) repeats += 1;
    seen.add(fingerprint);
  }
  return repeats;
}
