import type { RunConfig } from "../artifacts/run-config.ts";

/** What is left when a problem begins. */
export interface Remaining {
  /** Of `totalSeconds`; infinite where there is none. */
  seconds: number;
  /** Problems that have not begun, this one among them; at least 1. */
  problems: number;
  /** How many problems share the engine at a time: 1 in an exam. */
  lanes: number;
}

/**
 * Seconds that a problem which begins now may take.
 *
 * `fixed`: `problemSeconds`, or what is left of `totalSeconds` if that is less.
 *
 * `bank`: every problem that is yet to come keeps its base, `problemSeconds` or an even share of what is left, whichever
 * is less. What is left beyond that is the bank: the time that earlier problems did not need. The next problem may take
 * its base and half the bank, the last one all of it; so a hard one has more, and none takes what the rest need.
 */
export function allowedSeconds(
  { problemSeconds, policy }: RunConfig["budget"],
  { seconds, problems, lanes }: Remaining,
): number {
  const left = Math.max(0, seconds);
  if (policy === "fixed") return Math.min(problemSeconds ?? Number.POSITIVE_INFINITY, left);
  const perLane = Math.max(1, problems / lanes); // problems that come one after the other
  const base = Math.min(problemSeconds ?? Number.POSITIVE_INFINITY, left / perLane);
  const bank = left - base * perLane;
  return Math.min(left, base + bank * Math.max(0.5, 1 / perLane));
}
