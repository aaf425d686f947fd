import type { EngineCard } from "../../pipeline/artifacts/engine-card.ts";
import {
  certainWinner,
  type EarlyWinner,
  type EarlyWinnerOptions,
  type OpenVote,
} from "../../pipeline/core/early-stop/early-winner.ts";
import { type Ending, stoppedVote } from "../../pipeline/core/early-stop/stopped-vote.ts";
import { engineModelOf } from "../../pipeline/core/engine-model/of-card.ts";
import { vote } from "../../pipeline/core/vote.ts";
import type { RecordedCandidate } from "../recorded-votes.ts";

const promptTokens = 200;
const options: EarlyWinnerOptions = { ties: "first-seen", fallback: null, depth: 1, afterAnswer: "stop" };

/** A problem that has the engine to itself: what a vote elects at any time after its start. Seconds. */
export interface TimedProblem {
  /** Each candidate's end, the first one first, and whether the vote over all that have ended by then is right. */
  votes: readonly { at: number; isRight: boolean }[];
  /** Until the winner is certain, or else the last candidate has ended. */
  seconds: number;
}

/**
 * Runs all candidates of a problem at once, on an emulated engine that has nothing else to do. Each is one request as long
 * as all it wrote: programs take no time. One that the card's context is too short for ends there, without an answer.
 */
export function timedProblem(
  card: EngineCard,
  candidates: readonly RecordedCandidate[],
  winnerOf: (state: OpenVote) => EarlyWinner | undefined = (state) => certainWinner(state, options),
): TimedProblem {
  const model = engineModelOf(card);
  const sharedBlocks = Array.from({ length: Math.floor(promptTokens / card.blockSize) }, (_, block) => block);
  const tokensAtMost = card.maxModelLen - promptTokens;
  const running = candidates.map(({ tokens, answer, ...candidate }) => {
    const isWhole = tokens <= tokensAtMost;
    const completionTokens = Math.min(tokens, tokensAtMost);
    const sequence = model.add({ promptTokens, completionTokens, blockHashes: sharedBlocks }, 0);
    return { sequence, voter: { ...candidate, ...(isWhole && answer !== undefined ? { answer } : {}) } };
  });
  model.advance(Number.MAX_SAFE_INTEGER);
  const endings: Ending[] = running.map(({ sequence: { finishedAt = Number.NaN }, voter }) => ({
    ...voter,
    endsAt: finishedAt / 1000,
  }));
  const inTime = endings.toSorted((a, b) => a.endsAt - b.endsAt || a.candidate - b.candidate);
  const right = new Set(candidates.flatMap(({ isRight, answer }) => (isRight && answer !== undefined ? [answer] : [])));
  return {
    votes: inTime.map(({ endsAt }, index) => {
      const { answer } = vote(inTime.slice(0, index + 1), options);
      return { at: endsAt, isRight: answer !== null && right.has(answer) };
    }),
    seconds: stoppedVote(endings, winnerOf).at,
  };
}

/** Whether the vote is right that is held after so many seconds. */
export function isRightAfter({ votes }: TimedProblem, seconds: number): boolean {
  return votes.findLast(({ at }) => at <= seconds)?.isRight ?? false;
}
