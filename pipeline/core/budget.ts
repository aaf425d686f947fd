import type { RunConfig } from "../artifacts/run-config.ts";

/** What is left when a problem begins. A problem of several replicates is several. */
export interface Remaining {
  /** Of `totalSeconds`; infinite where there is none. */
  seconds: number;
  /** Problems that have not begun, this one among them; at least 1. */
  problems: number;
  /** Problems of the whole run. */
  allProblems: number;
  /** How many problems share the engine at a time: 1 in an exam. */
  lanes: number;
  /** Seconds that this problem has had already, before the run was resumed. */
  secondsBefore: number;
}

/**
 * Seconds that a problem which begins now, or goes on, may take.
 *
 * `fixed`: `problemSeconds`, or what is left of `totalSeconds` if that is less.
 *
 * `bank`: every problem that is yet to come keeps its base: `problemSeconds` or else an even share of `totalSeconds`; an
 * even share of what is left, if that is less. What is left beyond that is the bank: the time that earlier problems did
 * not need. The next problem may take its base and half the bank, the last one all of it; so a hard one has more, and none
 * takes what the rest need. Other shares than half do as well (benchmarks/budgets.ts). Without `totalSeconds` it is `fixed`.
 *
 * A problem that goes on has what it would have had without the break, less what it has had.
 */
export function allowedSeconds(budget: RunConfig["budget"], remaining: Remaining): number {
  const left = Math.max(0, remaining.seconds);
  const allowed = wholeAllowance(budget, { ...remaining, seconds: left + remaining.secondsBefore });
  return Math.max(0, Math.min(left, allowed - remaining.secondsBefore));
}

function wholeAllowance(
  { problemSeconds, totalSeconds, policy }: RunConfig["budget"],
  { seconds, problems, allProblems, lanes }: Remaining,
): number {
  if (policy === "fixed" || totalSeconds === null) return problemSeconds ?? Number.POSITIVE_INFINITY;
  const toCome = rounds(problems, lanes);
  const base = Math.min(problemSeconds ?? totalSeconds / rounds(allProblems, lanes), seconds / toCome);
  const bank = seconds - base * toCome;
  return base + bank * Math.max(0.5, 1 / toCome);
}

/** How many problems come one after the other where so many are worked on at a time. */
function rounds(problems: number, lanes: number): number {
  return Math.max(1, Math.ceil(problems / lanes));
}
