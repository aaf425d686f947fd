import { describe, expect, it } from "vitest";
import {
  certainWinner,
  type EarlyWinnerOptions,
  type OpenVote,
  type OpenVoter,
} from "../../../pipeline/core/early-stop/early-winner.ts";
import { randomStream, shuffled } from "../../../pipeline/core/seed.ts";
import { advance, startTrace } from "../../../pipeline/core/trace.ts";
import { type Voter, vote } from "../../../pipeline/core/vote.ts";
import { profileNamed } from "../../helpers/profiles.ts";

const range = (n: number) => Array.from({ length: n }, (_, index) => index);
const pick = <Item>(items: readonly Item[], random: () => number) => items[Math.floor(random() * items.length)] as Item;
const answered = (candidate: number, answer?: string): Voter => ({ candidate, turns: 4, ...(answer && { answer }) });
const open = (...candidates: number[]): OpenVoter[] => candidates.map((candidate) => ({ candidate, turns: 0 }));
const stop: EarlyWinnerOptions = { ties: "first-seen", fallback: null, depth: 4, afterAnswer: "stop" };

describe("certainWinner", () => {
  it("waits while the open candidates could make another answer win, a new one included", () => {
    const ended = [answered(0, "5"), answered(1, "5"), answered(2, "7")];
    expect(certainWinner({ ended, open: open(3, 4) }, stop)).toBeUndefined();
    expect(certainWinner({ ended, open: open(3) }, stop)).toEqual({ answer: "5" });
    expect(certainWinner({ ended: [answered(0, "5")], open: open(1, 2) }, stop)).toBeUndefined();
    expect(certainWinner({ ended: [], open: open(0) }, { ...stop, fallback: "0" })).toBeUndefined();
  });

  it("knows who would win a tie", () => {
    expect(certainWinner({ ended: [answered(0, "5")], open: open(1) }, stop)).toEqual({ answer: "5" });
    expect(certainWinner({ ended: [answered(1, "5")], open: open(0) }, stop)).toBeUndefined();
    const notebook = { ...stop, afterAnswer: "continue" } as const;
    const cutOffEarlier = { ended: [answered(0, "5")], open: open(1) };
    expect(certainWinner(cutOffEarlier, notebook)).toBeUndefined();
    expect(certainWinner(cutOffEarlier, { ...notebook, ties: "lowest-candidate" })).toEqual({ answer: "5" });
    const inItsLastTurn = { ended: [answered(0, "5")], open: [{ candidate: 1, turns: 3 }] };
    expect(certainWinner(inItsLastTurn, notebook)).toEqual({ answer: "5" });
    const withAnswer = { ended: [answered(0, "5")], open: [{ candidate: 1, turns: 3, answer: "7" }] };
    expect(certainWinner(withAnswer, notebook)).toBeUndefined();
  });

  it("is the vote once all have ended, fallback included", () => {
    expect(certainWinner({ ended: [answered(0)], open: [] }, stop)).toEqual({ answer: null });
    expect(certainWinner({ ended: [answered(0)], open: [] }, { ...stop, fallback: "0" })).toEqual({ answer: "0" });
    expect(certainWinner({ ended: [answered(1, "2"), answered(0, "1")], open: [] }, stop)).toEqual({ answer: "1" });
  });

  it("is there exactly when all ends of the open candidates elect the same, and the vote without them does too", () => {
    const random = randomStream(1);
    let certain = 0;
    const cases = 6000;
    for (let round = 0; round < cases; round += 1) {
      const options: EarlyWinnerOptions = {
        ties: pick(["first-seen", "lowest-candidate"], random),
        fallback: pick([null, "0", "1"], random),
        depth: 1 + Math.floor(random() * 4),
        afterAnswer: pick(["stop", "continue", "continue"], random),
      };
      const state = randomState(options, random);
      const winners = electedByAllEnds(state, options);
      const winner = certainWinner(state, options);
      const message = JSON.stringify({ options, state, winners: [...winners] });
      expect(winner, message).toEqual(winners.size === 1 ? { answer: [...winners][0] } : undefined);
      if (winner === undefined) continue;
      certain += 1;
      expect(vote(state.ended, options).answer, message).toBe(winner.answer);
      const withStanding = state.open.map(({ candidate, turns, answer }) => ({
        candidate,
        turns,
        ...(answer && { answer }),
      }));
      expect(vote([...state.ended, ...withStanding], options).answer, message).toBe(winner.answer);
    }
    expect(certain).toBeGreaterThan(cases / 5);
    expect(certain).toBeLessThan((cases * 4) / 5);
  });

  it("allows for every end that a trace can come to", () => {
    const random = randomStream(2);
    let cutOffWithAnswer = 0;
    for (const name of ["numina-tir", "tir", "deepseek-math-tir", "cot"]) {
      const rules = { profile: profileNamed(name), depth: 5, state: "stateless" } as const;
      for (let round = 0; round < 2000; round += 1) {
        let trace = startTrace(rules.profile, "1 + 1?");
        const before: OpenVoter[] = [];
        while (!trace.ended) {
          before.push({ candidate: 0, turns: trace.turns, ...(trace.rawAnswer && { answer: trace.rawAnswer }) });
          const message = {
            text: pick(messages, random),
            finish: pick(["code", "stop", "stop", "length"] as const, random),
          };
          trace = advance(rules, trace, message, { outcome: "ok", output: "2" });
        }
        if (!trace.ended.pruned || trace.rawAnswer === undefined) continue;
        cutOffWithAnswer += 1;
        for (const { turns, answer } of before) {
          const allowed = answer === trace.rawAnswer ? turns + 1 : turns + 2;
          expect(rules.profile.afterAnswer === "continue" && trace.turns >= allowed, JSON.stringify(trace)).toBe(true);
        }
      }
    }
    expect(cutOffWithAnswer).toBeGreaterThan(20);
  });
});

const messages = [
  "We compute.\n```python\nprint(1 + 1)\n```\n```output\n",
  "```python\nprint(3)\n```\n",
  "The answer is $2$.",
  "\\boxed{7}",
  "```python\nprint(5)\n```\nThis gives \\boxed{5}.",
  "```python\nprint(2)\n```\n```output\n2\n```\n\\boxed{2}",
  "Words. ".repeat(30),
];

/** Up to five candidates, one to three of them open; few answers, so that ties abound. */
function randomState({ depth, afterAnswer }: EarlyWinnerOptions, random: () => number): OpenVote {
  const candidates = shuffled(range(1 + Math.floor(random() * 6)), random);
  const opens = Math.min(candidates.length, Math.floor(random() * 4));
  const answers = ["1", "2", "3"].slice(0, 1 + Math.floor(random() * 3));
  return {
    ended: candidates.slice(opens).map((candidate): Voter => {
      const pruned = random() < 0.4;
      const turns = pruned ? 1 + Math.floor(random() * depth) : depth;
      const mayAnswer = !pruned || (afterAnswer === "continue" && turns >= 2);
      const answer = mayAnswer && random() < 0.8 ? pick(answers, random) : undefined;
      return { candidate, turns, ...(answer && { answer }), ...(pruned && { meta: { pruned } }) };
    }),
    open: candidates.slice(0, opens).map((candidate) => {
      const turns = Math.floor(random() * depth);
      const hasAnswer = afterAnswer === "continue" && turns > 0 && random() < 0.5;
      return { candidate, turns, ...(hasAnswer && { answer: pick([...answers, "4"], random) }) };
    }),
  };
}

/** Who is elected by some end of the open candidates, found by going through all of them. */
function electedByAllEnds({ ended, open }: OpenVote, options: EarlyWinnerOptions): Set<string | null> {
  const seen = [...ended, ...open].flatMap(({ answer }) => answer ?? []);
  const answers = [...new Set([...seen, "new1", "new2"])];
  const ends = open.map((voter) => endsOf(voter, answers, options));
  const elected = new Set<string | null>();
  const goThrough = (chosen: Voter[]) => {
    if (elected.size > 1) return;
    const next = ends[chosen.length];
    if (next) for (const end of next) goThrough([...chosen, end]);
    else elected.add(vote([...ended, ...chosen], options).answer);
  };
  goThrough([]);
  return elected;
}

function endsOf({ candidate, turns, answer }: OpenVoter, answers: string[], options: EarlyWinnerOptions): Voter[] {
  const { depth, afterAnswer } = options;
  const ends: Voter[] = [
    { candidate, turns: depth },
    ...answers.map((other) => ({ candidate, turns: depth, answer: other })),
  ];
  if (afterAnswer === "stop") return ends;
  for (let last = turns + 1; last <= depth; last += 1) {
    for (const other of answers) {
      const possible = other === answer || last >= turns + 2;
      if (possible) ends.push({ candidate, turns: last, answer: other, meta: { pruned: true } });
    }
  }
  return ends;
}
