import type { Candidate } from "../artifacts/candidate.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Vote } from "../artifacts/vote.ts";

/** What a vote sees of a candidate. Without an answer it casts no ballot. */
export type Voter = Pick<Candidate, "candidate" | "answer" | "turns" | "meta">;

export type VoteOptions = Pick<RunConfig["vote"], "ties" | "fallback">;

/**
 * The order in which the candidates of one problem and replicate vote, whatever order they came in.
 *
 * `first-seen` is the winning notebook's order: it collects a candidate when it is cut off, so the pruned ones come
 * first, by the turn that pruned them, and the rest after the last turn; each group by candidate number.
 * `lowest-candidate` goes by candidate number alone. Either way an equal count is won by the answer whose first ballot
 * comes earliest in this order.
 */
export function inVoteOrder<Row extends Voter>(voters: readonly Row[], ties: VoteOptions["ties"]): Row[] {
  return voters.toSorted((a, b) => compareInVoteOrder(a, b, ties));
}

/** Negative where `a` votes before `b`. */
export function compareInVoteOrder(a: Voter, b: Voter, ties: VoteOptions["ties"]): number {
  return rank(a, ties) - rank(b, ties) || a.candidate - b.candidate;
}

/** What comes before the candidate number in vote order; candidates of equal rank differ by chance alone. */
export function rank(voter: Voter, ties: VoteOptions["ties"]): number {
  // `meta.pruned`: cut off early, after `turns` turns.
  return ties === "first-seen" && voter.meta?.pruned === true ? voter.turns : Number.MAX_SAFE_INTEGER;
}

/** Ballots per answer, most first; equal counts stay in order of their first ballot, as in Python's `most_common`. */
export function tallyOf(answers: Iterable<string | undefined>): Vote["tally"] {
  const ballots = new Map<string, number>(); // not an object: it would sort keys like "12"
  for (const answer of answers) {
    if (answer !== undefined) ballots.set(answer, (ballots.get(answer) ?? 0) + 1);
  }
  return [...ballots].map(([answer, count]) => ({ answer, count })).toSorted((a, b) => b.count - a.count);
}

/**
 * Self-consistency (https://arxiv.org/abs/2203.11171): the answer with the most ballots is elected. The winner is the
 * first of the tally; where nobody has an answer, it is the fallback.
 */
export function vote(voters: readonly Voter[], { ties, fallback }: VoteOptions): Pick<Vote, "answer" | "tally"> {
  const tally = tallyOf(inVoteOrder(voters, ties).map((voter) => voter.answer));
  return { answer: tally[0]?.answer ?? fallback, tally };
}

/** How a vote row names the rule that it came from. */
export function ruleName({ rule, ties, fallback }: RunConfig["vote"]): string {
  const name = `${rule}, ties: ${ties}`;
  return fallback === null ? name : `${name}, fallback: ${fallback}`;
}
