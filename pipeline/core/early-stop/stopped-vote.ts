import type { Voter } from "../vote.ts";
import type { EarlyWinner, OpenVote } from "./early-winner.ts";

/** A candidate, and when it ends after the problem's start: in any unit, as in tokens or in seconds. */
export interface Ending extends Voter {
  endsAt: number;
}

export interface StoppedVote extends EarlyWinner {
  /** When it was stopped, or the last candidate ended. */
  at: number;
  cancelled: Ending[];
}

/**
 * A vote whose candidates all run at once from the start, and that is stopped as soon as there is a winner by
 * `winnerOf`, which is asked whenever a candidate ends. Of an open candidate nothing is known. With `endsAt` as an
 * emulated engine gives it, `at` tells the time that is saved.
 */
export function stoppedVote(
  candidates: readonly Ending[],
  winnerOf: (state: OpenVote) => EarlyWinner | undefined,
): StoppedVote {
  const inTime = candidates.toSorted((a, b) => a.endsAt - b.endsAt || a.candidate - b.candidate);
  for (const [index, { endsAt }] of inTime.entries()) {
    const cancelled = inTime.slice(index + 1);
    const open = cancelled.map(({ candidate }) => ({ candidate, turns: 0 }));
    const winner = winnerOf({ ended: inTime.slice(0, index + 1), open });
    if (winner) return { ...winner, at: endsAt, cancelled };
  }
  throw new RangeError("a vote without candidates, or one that nobody wins once all have ended");
}
