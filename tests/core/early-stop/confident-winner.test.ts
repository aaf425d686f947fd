import { describe, expect, it } from "vitest";
import { brokenShares, drawnVotes, uniformShares } from "../../../benchmarks/simulated-votes.ts";
import { confidentWinner, type EarlyWinnerOptions } from "../../../pipeline/core/early-stop/early-winner.ts";
import { leadEvidence } from "../../../pipeline/core/early-stop/lead-evidence.ts";
import { type Ending, stoppedVote } from "../../../pipeline/core/early-stop/stopped-vote.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { type Voter, vote } from "../../../pipeline/core/vote.ts";

const options: EarlyWinnerOptions = { ties: "first-seen", fallback: null, depth: 1, afterAnswer: "stop" };
const confidences = [0.9, 0.95, 0.99];

describe("leadEvidence", () => {
  it("compares the ballots so far with the likeliest full vote in which the rival wins", () => {
    // Three ballots of 8 candidates, all for the leader: the likeliest are 3 : 4 and 4 : 5 ballots without the 3 : 5.
    for (const [lead, chances] of [
      [{ leader: 3, rival: 0, behind: 4, open: 5 }, [chance("LLL", 3, 4)]],
      [{ leader: 3, rival: 0, behind: 3, open: 5 }, [chance("LLL", 3, 3), chance("LLL", 4, 4)]],
      [{ leader: 5, rival: 2, behind: 4, open: 9 }, [0, 1, 2].map((more) => chance("LLRLLRL", 5 + more, 6 + more))],
    ] as const) {
      expect(leadEvidence(lead)).toBeCloseTo(Math.log(betaChance(lead.leader, lead.rival) / Math.max(...chances)), 10);
    }
  });

  it("needs no other full votes than those that the rival wins just so", () => {
    for (let leader = 1; leader <= 12; leader += 1) {
      for (let rival = 0; rival <= leader; rival += 1) {
        for (const tie of [0, 1]) {
          const behind = leader - rival + tie;
          const [open, chances] = [14, [] as number[]];
          const sequence = "L".repeat(leader) + "R".repeat(rival);
          for (let more = 0; more <= open; more += 1) {
            for (let gained = more + behind; more + gained <= open; gained += 1) {
              chances.push(chance(sequence, leader + more, rival + gained));
            }
          }
          const expected = Math.log(betaChance(leader, rival) / Math.max(...chances));
          expect(leadEvidence({ leader, rival, behind, open })).toBeCloseTo(expected, 9);
        }
      }
    }
  });

  it("is infinite where the rival can no longer win", () => {
    expect(leadEvidence({ leader: 3, rival: 0, behind: 4, open: 3 })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("confidentWinner", () => {
  it("stops the sooner, the less confidence is asked for", () => {
    const candidates = Array.from({ length: 48 }, (_, candidate) => ({
      candidate,
      turns: 1,
      endsAt: candidate,
      answer: "7",
    }));
    const ended = [0.9, 0.99, 1].map(
      (confidence) =>
        48 - stoppedVote(candidates, (state) => confidentWinner(state, options, confidence)).cancelled.length,
    );
    expect(ended).toEqual([4, 7, 24]);
  });

  it("waits while the cancelled candidates would elect another with the answers that they have", () => {
    const ended = Array.from({ length: 7 }, (_, candidate) => ({ candidate, turns: 4, answer: "7" }));
    const open = Array.from({ length: 41 }, (_, index) => ({ candidate: 7 + index, turns: 2 }));
    const notebook: EarlyWinnerOptions = { ...options, depth: 4, afterAnswer: "continue" };
    const withAnswer = (share: number) =>
      open.map((voter, index) => (index < share ? { ...voter, answer: "8" } : voter));
    expect(confidentWinner({ ended, open: withAnswer(7) }, notebook, 0.95)).toEqual({ answer: "7" });
    expect(confidentWinner({ ended, open: withAnswer(8) }, notebook, 0.95)).toBeUndefined();
  });

  it("stops with another winner with a chance of at most 1 - confidence, whatever the full vote of 8", () => {
    for (const tally of tallies(8)) {
      for (const confidence of confidences) {
        const share = chanceOfChange(tally, 8, confidence);
        expect(share, `${tally} at ${confidence}`).toBeLessThanOrEqual(1 - confidence);
      }
    }
  });

  it.each([
    { tally: [24, 24], width: 48 },
    { tally: [25, 23], width: 48 },
    { tally: [21, 20], width: 48 },
    { tally: [17, 16, 15], width: 48 },
    { tally: [16, 16, 16], width: 48 },
    { tally: [5, 5, 5, 5], width: 20 },
  ])("does so for the closest votes: $tally of $width", ({ tally, width }) => {
    for (const confidence of confidences) {
      expect(chanceOfChange(tally, width, confidence)).toBeLessThanOrEqual(1 - confidence);
    }
  });

  it.each([
    ["any number of answers", brokenShares],
    ["ten answers", uniformShares(10)],
    ["two answers", uniformShares(2)],
  ])("does so for random votes: %s", (_, shares) => {
    const votes = drawnVotes({ problems: 1000, width: 32, blank: 0.2 }, shares, randomStream(7));
    for (const [confidence, share] of changedShares(votes)) expect(share).toBeLessThanOrEqual(1 - confidence);
  });
});

function changedShares(votes: Ending[][]): [confidence: number, share: number][] {
  return confidences.map((confidence) => {
    const changed = votes.filter((candidates) => {
      const { answer } = stoppedVote(candidates, (state) => confidentWinner(state, options, confidence));
      return answer !== vote(candidates, options).answer;
    });
    return [confidence, changed.length / votes.length];
  });
}

/**
 * The chance that candidates who end in random order are stopped with another answer than the first of the tally, which
 * wins all ties: its candidates come first, then those of the next answer, those without one last. Exact: goes through
 * all counts of ballots, by the chance to come to them. An answer's candidates end by number.
 */
function chanceOfChange(tally: readonly number[], width: number, confidence: number): number {
  const full = [...tally, width - tally.reduce((sum, count) => sum + count, 0)];
  const voters = full
    .flatMap((count, index) => Array<number>(count).fill(index))
    .map((index, candidate): Voter => {
      return { candidate, turns: 1, ...(index < tally.length ? { answer: `${index}` } : {}) };
    });
  const groups = full.map((_, index) =>
    voters.filter(({ answer }) => answer === (index < tally.length ? `${index}` : undefined)),
  );
  let changed = 0;
  let reached = new Map<string, number>([[full.map(() => 0).join(), 1]]);
  for (let ended = 1; ended <= width; ended += 1) {
    const next = new Map<string, number>();
    for (const [key, probability] of reached) {
      const counts = key.split(",").map(Number);
      for (const [index, count] of counts.entries()) {
        const left = (full[index] ?? 0) - count;
        const then = counts.with(index, count + 1).join();
        if (left > 0) next.set(then, (next.get(then) ?? 0) + (probability * left) / (width - ended + 1));
      }
    }
    for (const [key, probability] of next) {
      const counts = key.split(",").map(Number);
      const state = {
        ended: groups.flatMap((group, index) => group.slice(0, counts[index])),
        open: groups
          .flatMap((group, index) => group.slice(counts[index]))
          .map(({ candidate }) => ({ candidate, turns: 0 })),
      };
      const winner = confidentWinner(state, options, confidence);
      if (winner === undefined) continue;
      next.delete(key);
      if (winner.answer !== vote(voters, options).answer) changed += probability;
    }
    reached = next;
  }
  return changed;
}

/** The chance of a sequence of ballots for leader and rival, drawn one by one from a full vote with so many of each. */
function chance(sequence: string, leader: number, rival: number): number {
  const left = { L: leader, R: rival };
  let product = 1;
  for (const ballot of sequence as Iterable<"L" | "R">) {
    product *= left[ballot] / (left.L + left.R);
    left[ballot] -= 1;
  }
  return product;
}

/** The chance of a sequence with so many of each if the leader's share has the distribution Beta(6, 1): Pólya's urn. */
function betaChance(leader: number, rival: number): number {
  let product = 1;
  for (let drawn = 0; drawn < leader; drawn += 1) product *= (6 + drawn) / (7 + drawn);
  for (let drawn = 0; drawn < rival; drawn += 1) product *= (1 + drawn) / (7 + leader + drawn);
  return product;
}

/** All ways to share out at most so many ballots, most first. */
function tallies(ballots: number, most = ballots): number[][] {
  const counts = Array.from({ length: Math.min(ballots, most) }, (_, index) => index + 1);
  return [[], ...counts.flatMap((count) => tallies(ballots - count, count).map((rest) => [count, ...rest]))];
}
