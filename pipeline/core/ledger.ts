import { type Candidate, type CandidateOutcome, candidateOutcomes } from "../artifacts/candidate.ts";
import { type Ending, zeros } from "./journal-facts.ts";
import { creditOf, type VoteOptions, type Voter, vote, weightOf } from "./vote.ts";

/**
 * A candidate with its end; `lost` where that was the engine's or the sandbox's doing (see `isLost`), `silence` where
 * it casts no ballot (see `silenceOf`).
 */
export type LedgerEntry = Pick<Candidate, "outcome"> &
  Voter & {
    lost: boolean;
    silence?: Silence | undefined;
  };

/** Why a candidate casts no ballot: its outcome, or what is behind it. */
export type Silence =
  | Exclude<CandidateOutcome, "answered">
  | "truncated"
  | "timed-out"
  | "sandbox-failed"
  | "not-an-integer";

/**
 * Whether a candidate says nothing about the model: the engine failed it for good, or the last block that it ran took
 * the sandbox down and it has no answer. One that answered all the same counts as any other.
 */
export function isLost({ outcome, answer }: Pick<Candidate, "outcome" | "answer">, endedInCrash: boolean): boolean {
  return outcome === "engine-failed" || (endedInCrash && answer === undefined);
}

/**
 * Why a candidate casts no ballot; undefined for one that does. Where it just ended without an answer, its last turn
 * tells more: cut off by the token limit (`truncated`), or a block that ran out of time (`timed-out`).
 */
export function silenceOf(
  { outcome, answer }: Pick<Candidate, "outcome" | "answer">,
  ending: Ending | undefined,
): Silence | undefined {
  if (answer !== undefined) return undefined;
  if (outcome === "answered") return "not-an-integer";
  if (outcome !== "no-answer" && outcome !== "no-code") return outcome;
  if (ending?.execution === "crashed") return "sandbox-failed";
  if (ending?.finish === "length") return "truncated";
  if (ending?.execution === "timeout") return "timed-out";
  return outcome;
}

/** How many times each name stands in a list, most first. */
export function countsOf<Name extends string>(names: Iterable<Name | undefined>): Record<string, number> {
  const counts = new Counts();
  for (const name of names) counts.add(name);
  return counts.mostFirst();
}

/** Counts names as they come. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string | undefined): void {
    if (name !== undefined) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Equal counts stay in order of their first name. */
  mostFirst(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([, a], [, b]) => b - a));
  }
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
 * - `no-ballots: <silence>`: nobody casts a ballot, and this is why most candidates do not.
 */
export function unsolvedCause(candidates: readonly LedgerEntry[], expected: string, options: VoteOptions): string {
  if (couldHaveWon(candidates, (candidate) => candidate.lost, expected, options)) return "engine";
  const ranOutOfTime = (candidate: LedgerEntry) => candidate.outcome === "budget" && candidate.answer === undefined;
  if (couldHaveWon(candidates, ranOutOfTime, expected, options)) return "budget";
  if (candidates.some((candidate) => candidate.answer === expected)) return "outvoted";
  if (candidates.some((candidate) => candidate.answer !== undefined)) return "nobody-right";
  const [dominant = "no-answer"] = Object.keys(countsOf(candidates.map(({ silence, outcome }) => silence ?? outcome)));
  return `no-ballots: ${dominant}`;
}

function couldHaveWon(
  candidates: readonly LedgerEntry[],
  missing: (candidate: LedgerEntry) => boolean,
  expected: string,
  options: VoteOptions,
): boolean {
  const count = candidates.filter(missing).length;
  if (count === 0 || 2 * count < candidates.length) return false;
  return vote(hadAnswered(candidates, missing, expected, options), options).answer === expected;
}

/** The same voters, had those in question all given this answer, with a ballot as heavy as the heaviest. */
function hadAnswered(
  candidates: readonly LedgerEntry[],
  chosen: (candidate: LedgerEntry) => boolean,
  answer: string,
  options: VoteOptions,
): Voter[] {
  const weights = candidates.map((candidate) => weightOf(candidate, options)).filter((each) => each !== undefined);
  const weight = weights.length === 0 ? 1 : Math.max(...weights);
  return candidates.map((candidate) => (chosen(candidate) ? { ...candidate, answer, weight } : candidate));
}

/**
 * How right the vote on a problem in one replicate would be, had every lost candidate been wrong, and had every one been
 * right. Wrong is meant as badly as can be: they all join the wrong answer that is best placed.
 */
export function boundsOf(
  candidates: readonly LedgerEntry[],
  expected: string,
  options: VoteOptions,
): { low: number; high: number } {
  const rival = vote(candidates, options).tally.find(({ answer }) => answer !== expected)?.answer ?? "another answer";
  const creditHad = (answer: string) => {
    const voters = hadAnswered(candidates, (candidate) => candidate.lost, answer, options);
    return creditOf(vote(voters, options).answer, expected, voters, options);
  };
  return { low: creditHad(rival), high: creditHad(expected) };
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
