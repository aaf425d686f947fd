import { describe, expect, it } from "vitest";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { sum } from "../../pipeline/core/sum.ts";
import { TimeLine } from "../../pipeline/core/time-line.ts";
import { candidate, execution, turn } from "../helpers/run-rows.ts";

const never = () => false;

/** A turn whose request takes `seconds` from `startedAt`, and its program `python` seconds after it. */
function timed(
  number: number,
  index: number,
  startedAt: number,
  seconds: number,
  python = 0,
  more: Partial<Turn> = {},
) {
  return turn("set/p", number, "", {
    turn: index,
    startedAt: 1000 * startedAt,
    milliseconds: 1000 * seconds,
    tokens: { prompt: 10, completion: 100 },
    ...(python > 0 ? { execution: { ...execution("ok"), milliseconds: 1000 * python } } : {}),
    ...more,
  });
}

function account(
  turns: Turn[],
  candidates: Candidate[],
  { slots = 4, isDecided = never as (ended: readonly unknown[]) => boolean } = {},
) {
  const timeLine = new TimeLine();
  for (const row of turns) timeLine.add(row);
  return timeLine.account({
    keys: [{ problemId: "set/p", replicate: 0 }],
    slots,
    tokensAfterDecision: timeLine.tokensAfterDecision(candidates, isDecided),
    lostMilliseconds: sum(candidates.map(({ meta }) => Number(meta?.lostMilliseconds ?? 0))),
  });
}

const one = [candidate("set/p", 0, "1")];
const two = [candidate("set/p", 0, "1"), candidate("set/p", 1, "1")];

describe("the account of a run's time", () => {
  it("has the share in which the engine had a request, and the rest as waiting for Python", () => {
    const { engineBusyShare, waste } = account([timed(0, 0, 0, 6, 2), timed(0, 1, 8, 2)], one);
    expect(engineBusyShare).toBe(0.8);
    expect(waste).toMatchObject({ seconds: 10, idleForPythonSeconds: 2, pythonSeconds: 2 });
  });

  it("leaves out the time in which nothing was under way, as between an interruption and the next start", () => {
    const { engineBusyShare, waste } = account([timed(0, 0, 0, 1), timed(0, 1, 1000, 1)], one);
    expect(engineBusyShare).toBe(1);
    expect(waste.seconds).toBe(2);
  });

  it("counts the wait for a free worker as waiting for Python", () => {
    const queued = { meta: { queuedMilliseconds: 3000 } };
    const { waste } = account([timed(0, 0, 0, 1, 1, queued)], one);
    expect(waste).toMatchObject({ seconds: 5, pythonSeconds: 4 });
  });

  it("has the time with fewer than half of the slots in use", () => {
    const turns = [timed(0, 0, 0, 10), timed(1, 0, 2, 3)]; // two at a time from 2 to 5
    expect(account(turns, two, { slots: 4 }).waste.halfEmptySeconds).toBe(7);
    expect(account(turns, two, { slots: 2 }).waste.halfEmptySeconds).toBe(0);
  });
});

describe("the account of a run's tokens", () => {
  it("has those of candidates that had answered", () => {
    const { waste } = account([timed(0, 0, 0, 1), timed(0, 1, 1, 1, 0, { meta: { afterAnswer: true } })], one);
    expect(waste.tokens.afterAnswer).toBe(100);
  });

  it("has those that came when the vote was decided, a turn's by the share of its time", () => {
    const turns = [timed(0, 0, 0, 2), timed(1, 0, 0, 4), timed(1, 1, 4, 1)];
    const { waste } = account(turns, two, { isDecided: (ended) => ended.length >= 1 });
    expect(waste.tokens.afterDecision).toBe(50 + 100);
  });

  it("has none of them where only the last candidate decided the vote", () => {
    const turns = [timed(0, 0, 0, 2), timed(1, 0, 0, 4)];
    const { waste } = account(turns, two, { isDecided: (ended) => ended.length === 2 });
    expect(waste.tokens.afterDecision).toBe(0);
  });

  it("has none of them where a budget ended a vote that was open", () => {
    const cut = candidate("set/p", 1, undefined, { outcome: "budget" });
    const { waste } = account([timed(0, 0, 0, 2), timed(1, 0, 0, 9)], [...one, cut]);
    expect(waste.tokens.afterDecision).toBe(0);
  });

  it("estimates those of turns that were cut off by the speed of the others", () => {
    const cut = candidate("set/p", 1, undefined, { outcome: "budget", meta: { lostMilliseconds: 3000 } });
    const { waste } = account([timed(0, 0, 0, 2)], [...one, cut]);
    expect(waste.tokens.lost).toBe(150);
  });

  it("is all zero for a run without a turn", () => {
    expect(account([], two)).toEqual({
      engineBusyShare: 0,
      waste: {
        ...{ seconds: 0, idleForPythonSeconds: 0, halfEmptySeconds: 0, pythonSeconds: 0 },
        tokens: { afterAnswer: 0, afterDecision: 0, lost: 0 },
      },
    });
  });
});
