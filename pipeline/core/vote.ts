import type { Candidate } from "../artifacts/candidate.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Vote } from "../artifacts/vote.ts";
import { seedOf } from "./seed.ts";

/**
 * What a vote sees of a candidate. Without an answer it casts no ballot. `weight`, where it is there, is what `weightOf` made
 * of the whole row.
 */
export type Voter = Pick<Candidate, "candidate" | "answer" | "turns" | "meta"> & { weight?: number | undefined };

type VoteConfig = RunConfig["vote"];

/** Without a rule it is the majority. `seed`: the run's, for ties by lot. */
export type VoteOptions = Pick<VoteConfig, "ties" | "fallback"> &
  Partial<Pick<VoteConfig, "rule" | "score" | "weight">> & { seed?: number };

type VoteKey = Pick<Candidate, "problemId" | "replicate">;

/** A number for each answer of one vote; ties by lot are won by the smallest. */
export type Lots = (answer: string) => number;

/** The lots of a problem in one replicate: the same whenever it is voted on again. */
export function lotsOf({ seed = 0 }: VoteOptions, { problemId, replicate }: VoteKey): Lots {
  return (answer) => seedOf(seed, { problemId: `${problemId}:${answer}`, replicate, candidate: -1, turn: -1 });
}

/**
 * The order in which the candidates of one problem and replicate vote, whatever order they came in.
 *
 * `lowest-candidate` goes by candidate number alone. The others have the winning notebook's order: it collects a candidate
 * when it is cut off, so the pruned ones come first, by the turn that pruned them, and the rest after the last turn; each
 * group by candidate number. With `first-seen` and `lowest-candidate` a tie is won by the answer whose first ballot
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
  return ties !== "lowest-candidate" && voter.meta?.pruned === true ? voter.turns : Number.MAX_SAFE_INTEGER;
}

/**
 * How much a candidate's ballot weighs under a rule, undefined where it casts none: 1 for `majority`; 1 for `drop-errors`
 * if its last block ran without an error; its score for `best-of-n`; its score, transformed by `weight`, for `weighted`.
 * Without a score that is needed it casts none.
 */
export function weightOf(
  voter: Voter,
  { rule = "majority", score = "meta.score", weight = "as-is" }: VoteOptions,
): number | undefined {
  if (voter.answer === undefined) return undefined;
  if (rule === "majority") return 1;
  if (voter.weight !== undefined) return voter.weight;
  if (rule === "drop-errors") return voter.meta?.lastExecution === "ok" ? 1 : undefined;
  const value = scoreOf(voter, score);
  if (Number.isNaN(value)) return undefined;
  if (rule === "best-of-n" || weight === "as-is") return value;
  return weight === "exp" ? Math.exp(value) : 1 / (1 + Math.exp(-value));
}

/** The number that a path such as `meta.score` leads to in a candidate's row, NaN where there is none. */
export function scoreOf(voter: Voter, path: string): number {
  let value: unknown = voter;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return Number.NaN;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === "number" ? value : Number.NaN;
}

/** An answer with the weight of its ballots, in one number: what the answers are ordered by. */
interface Standing {
  answer: string;
  count: number;
  weight: number; // of all its ballots together, or of the best for best-of-n
}

/**
 * Self-consistency (https://arxiv.org/abs/2203.11171) and its relatives: the answer whose ballots weigh most is elected,
 * for `best-of-n` the one with the best single ballot. The winner is the first of the tally; where nobody casts a
 * ballot, it is the fallback. `lots` decide ties where `ties` is `random`.
 */
export function vote(
  voters: readonly Voter[],
  options: VoteOptions,
  lots: Lots = () => 0,
): Pick<Vote, "answer" | "tally"> {
  const standings = standingsOf(voters, options, lots);
  const isScored = options.rule === "weighted" || options.rule === "best-of-n";
  const tally = standings.map(({ answer, count, weight }) => ({ answer, count, ...(isScored && { score: weight }) }));
  return { answer: tally[0]?.answer ?? options.fallback, tally };
}

/** The answers that share the first place, in vote order; none where nobody casts a ballot. */
export function tiedWinners(voters: readonly Voter[], options: VoteOptions): string[] {
  const standings = standingsOf(voters, options, () => 0);
  return standings.filter(({ weight }) => weight === standings[0]?.weight).map(({ answer }) => answer);
}

/**
 * How right a vote is: 1 or 0, or with ties of `expected` value its chance if the answers in front were drawn from. An
 * answer that is none of those, as it stands in a votes.jsonl of another rule, counts for itself.
 */
export function creditOf(
  elected: string | null,
  expected: string,
  voters: readonly Voter[],
  options: VoteOptions,
): number {
  if (options.ties !== "expected") return elected === expected ? 1 : 0;
  const tied = tiedWinners(voters, options);
  if (elected === null || !tied.includes(elected)) return elected === expected ? 1 : 0;
  return tied.includes(expected) ? 1 / tied.length : 0;
}

/** Ballots per answer, most first; equal counts stay in order of their first ballot, as in Python's `most_common`. */
export function tallyOf(answers: Iterable<string | undefined>): Vote["tally"] {
  const ballots = new Map<string, number>(); // not an object: it would sort keys like "12"
  for (const answer of answers) {
    if (answer !== undefined) ballots.set(answer, (ballots.get(answer) ?? 0) + 1);
  }
  return [...ballots].map(([answer, count]) => ({ answer, count })).toSorted((a, b) => b.count - a.count);
}

function standingsOf(voters: readonly Voter[], options: VoteOptions, lots: Lots): Standing[] {
  const standings = new Map<string, Standing>();
  for (const voter of inVoteOrder(voters, options.ties)) {
    const weight = weightOf(voter, options);
    if (weight === undefined || voter.answer === undefined) continue;
    const { answer } = voter;
    const known = standings.get(answer);
    if (known === undefined) standings.set(answer, { answer, count: 1, weight });
    else if (options.rule !== "best-of-n")
      Object.assign(known, { count: known.count + 1, weight: known.weight + weight });
    else {
      const isBetter = weight > known.weight;
      if (isBetter) standings.delete(answer); // an answer stands where its best ballot does
      standings.set(answer, { answer, count: known.count + 1, weight: isBetter ? weight : known.weight });
    }
  }
  const tieBreak = options.ties === "random" ? lots : () => 0;
  return [...standings.values()].toSorted((a, b) => b.weight - a.weight || tieBreak(a.answer) - tieBreak(b.answer));
}

/** The vote rule of a run. */
export function voteRuleOf({ vote, sampling }: Pick<RunConfig, "vote" | "sampling">): VoteOptions {
  return { ...vote, seed: sampling.seed };
}

/** How a vote row names the rule that it came from. */
export function ruleName(options: VoteOptions): string {
  const { rule = "majority", ties, fallback, score = "meta.score", weight = "as-is" } = options;
  const scored = rule === "weighted" ? ` by ${score}${weight === "as-is" ? "" : ` (${weight})`}` : "";
  const best = rule === "best-of-n" ? ` by ${score}` : "";
  const name = `${rule}${scored}${best}, ties: ${ties}`;
  return fallback === null ? name : `${name}, fallback: ${fallback}`;
}
