import { describe, expect, it } from "vitest";
import type { CandidateOutcome } from "../../pipeline/artifacts/candidate.ts";
import {
  boundsOf,
  countRepeats,
  imbalance,
  isLost,
  type LedgerEntry,
  ledgerOf,
  unsolvedCause,
} from "../../pipeline/core/ledger.ts";

const options = { ties: "first-seen", fallback: null } as const;

/** Candidates 0, 1, …: an answer, or how one without an answer ended. */
function entries(...ends: string[]): LedgerEntry[] {
  return ends.map((end, candidate) => {
    const answered = /^-?\d+$/u.test(end);
    const outcome = answered ? "answered" : (end as CandidateOutcome);
    return { candidate, turns: 1, outcome, lost: outcome === "engine-failed", ...(answered && { answer: end }) };
  });
}
const cause = (...ends: string[]) => unsolvedCause(entries(...ends), "1", options);

describe("ledgerOf", () => {
  it("puts every candidate under one end and balances with what was planned", () => {
    const ledger = ledgerOf(entries("1", "2", "no-code", "budget", "engine-failed", "no-code"));
    expect(ledger).toEqual({
      ...{ answered: 2, "no-answer": 0, "no-code": 2, "hallucinated-output": 0 },
      ...{ "context-full": 0, budget: 1, decided: 0, "engine-failed": 1 },
    });
    expect(imbalance(ledger, { problems: 1, replicates: 2, width: 3 })).toBe(0);
    expect(imbalance(ledger, { problems: 2, replicates: 2, width: 2 })).toBe(-2);
  });
});

describe("isLost", () => {
  it("blames the engine's failure, and a crash where no answer came of it", () => {
    expect(isLost({ outcome: "engine-failed" }, false)).toBe(true);
    expect(isLost({ outcome: "no-answer" }, true)).toBe(true);
    expect(isLost({ outcome: "no-answer" }, false)).toBe(false);
    expect(isLost({ outcome: "answered", answer: "1" }, true)).toBe(false);
  });
});

describe("unsolvedCause", () => {
  it("tells apart whether anybody was right", () => {
    expect(cause("2", "2", "1")).toBe("outvoted");
    expect(cause("2", "no-answer", "3")).toBe("nobody-right");
  });

  it("names how most candidates ended where nobody has an answer", () => {
    expect(cause("no-code", "context-full", "no-code")).toBe("no-ballots: no-code");
    expect(cause("hallucinated-output", "no-answer", "hallucinated-output")).toBe("no-ballots: hallucinated-output");
  });

  it("blames the engine only where most candidates are lost and could have won", () => {
    expect(cause("engine-failed", "engine-failed", "engine-failed")).toBe("engine");
    expect(cause("engine-failed", "engine-failed", "2", "3")).toBe("engine");
    expect(cause("engine-failed", "2", "2", "2", "1")).toBe("outvoted");
    expect(cause("engine-failed", "2", "3", "4")).toBe("nobody-right"); // could have won, but is one of four
    expect(cause("2", "2", "engine-failed", "engine-failed")).toBe("nobody-right"); // half, but would lose the tie
  });

  it("blames the clock by the same measure", () => {
    expect(cause("budget", "budget", "2")).toBe("budget");
    expect(cause("budget", "no-answer", "no-answer")).toBe("no-ballots: no-answer");
  });
});

describe("boundsOf", () => {
  const bounds = (...ends: string[]) => boundsOf(entries(...ends), "1", options);

  it("recomputes the vote with the lost right, and with them behind the strongest wrong answer", () => {
    expect(bounds("1", "1", "1", "2", "engine-failed")).toEqual({ low: 1, high: 1 });
    expect(bounds("1", "1", "2", "engine-failed")).toEqual({ low: 1, high: 1 }); // the tie is won by the first seen
    expect(bounds("2", "1", "1", "engine-failed")).toEqual({ low: 0, high: 1 });
    expect(bounds("2", "2", "2", "1", "engine-failed")).toEqual({ low: 0, high: 0 });
    expect(bounds("engine-failed", "1")).toEqual({ low: 0, high: 1 });
    expect(bounds("engine-failed", "engine-failed")).toEqual({ low: 0, high: 1 });
  });
});

describe("countRepeats", () => {
  it("counts the copies, not the first of its kind nor those without a text", () => {
    expect(countRepeats(["a", "b", "a", "a", undefined, undefined, "b"])).toBe(3);
    expect(countRepeats([])).toBe(0);
  });
});
