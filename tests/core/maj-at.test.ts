import { describe, expect, it } from "vitest";
import { type Electorate, electorateOf } from "../../pipeline/core/electorate.ts";
import { majAt as majAtOf } from "../../pipeline/core/maj-at.ts";
import { passAt } from "../../pipeline/core/pass-at.ts";
import { randomStream } from "../../pipeline/core/seed.ts";
import { creditOf, type VoteOptions, type Voter, vote } from "../../pipeline/core/vote.ts";
import { electorate } from "../helpers/electorate.ts";
import { subsets } from "../helpers/subsets.ts";

const noRandom = () => {
  throw new Error("exact values need no random numbers");
};
const range = (n: number) => Array.from({ length: n }, (_, index) => index);

const majAt = (electorate: Electorate, sizes: number[], random: () => number) =>
  majAtOf(electorate, sizes, random).map(({ value }) => value);

/** A random problem: few answers, so that ties abound; some candidates without one, some cut off early. */
function randomVoters(n: number, answers: number, random: () => number): Voter[] {
  return range(n).map((candidate) => {
    const choice = Math.floor(random() * (answers + 1));
    return {
      candidate,
      turns: 1 + Math.floor(random() * 3),
      ...(choice === answers ? {} : { answer: String(choice) }),
      meta: {
        ...(random() < 0.3 ? { pruned: true } : {}),
        score: Math.floor(random() * 5) / 4, // few, so that ties abound
        lastExecution: random() < 0.7 ? "ok" : "error",
      },
    };
  });
}

describe("majAt", () => {
  it("equals the vote over every k-subset, for both tie rules, with non-voters and a fallback", () => {
    const random = randomStream(1);
    for (let round = 0; round < 240; round += 1) {
      const n = 1 + Math.floor(random() * 10);
      const voters = randomVoters(n, 1 + Math.floor(random() * 4), random);
      const ties = round % 2 === 0 ? "first-seen" : "lowest-candidate";
      const fallback = [null, "0", "9"][round % 3] ?? null;
      const options = { ties, fallback } as const;
      const sizes = range(n).map((index) => index + 1);
      const exact = majAt(electorateOf(voters, "0", options), sizes, noRandom);
      for (const k of sizes) {
        const all = subsets(n, k);
        const wins = all.filter((subset) => {
          const chosen = voters.filter((voter) => subset.includes(voter.candidate));
          return vote(chosen, options).answer === "0";
        });
        expect(exact[k - 1], JSON.stringify({ voters, options, k })).toBeCloseTo(wins.length / all.length, 11);
      }
    }
  });

  it.each([
    ...(["majority", "drop-errors", "weighted", "best-of-n"] as const).flatMap((rule) =>
      (["first-seen", "lowest-candidate", "expected"] as const).map((ties) => ({ rule, ties })),
    ),
  ])("equals the vote over every k-subset by $rule with ties: $ties", ({ rule, ties }) => {
    const random = randomStream(7);
    for (let round = 0; round < 60; round += 1) {
      const n = 1 + Math.floor(random() * 9);
      const voters = randomVoters(n, 1 + Math.floor(random() * 4), random);
      const options: VoteOptions = { rule, ties, fallback: [null, "0", "9"][round % 3] ?? null };
      const sizes = range(n).map((index) => index + 1);
      const exact = majAt(electorateOf(voters, "0", options), sizes, noRandom);
      for (const k of sizes) {
        const credits = subsets(n, k).map((subset) => {
          const chosen = voters.filter((voter) => subset.includes(voter.candidate));
          return creditOf(vote(chosen, options).answer, "0", chosen, options);
        });
        const mean = credits.reduce((sum, credit) => sum + credit, 0) / credits.length;
        expect(exact[k - 1], JSON.stringify({ voters, options, k })).toBeCloseTo(mean, 11);
      }
    }
  });

  it("says how far random subsets can be off where weighted ballots are too many to go through", () => {
    const random = randomStream(8);
    const voters = randomVoters(48, 4, random);
    const candidates = electorateOf(voters, "0", { rule: "weighted", ties: "first-seen", fallback: null });
    const [few, many] = majAtOf(candidates, [2, 24], random);
    expect(few).toEqual({ value: expect.any(Number) }); // 1,128 subsets
    expect(many?.standardError).toBeGreaterThan(0);
    expect(many?.standardError).toBeLessThan(0.01);
  });

  it("agrees with sums of exact integers for 48 candidates", () => {
    // Two answers and blanks, k = 7: the right one wins with more ballots than the other. No ties for odd k without blanks.
    const answers = [...Array<string>(29).fill("1"), ...Array<string>(19).fill("2")];
    let wins = 0n;
    for (let right = 4; right <= 7; right += 1) wins += choose(29, right) * choose(19, 7 - right);
    expect(majAt(electorate(answers, "1"), [7], noRandom)[0]).toBeCloseTo(
      Number((wins * 10n ** 15n) / choose(48, 7)) / 1e15,
      12,
    );
  });

  it("splits all subsets among the answers and nobody, at any width", () => {
    const random = randomStream(2);
    for (const n of [16, 48, 100, 256]) {
      const answers = range(n).map(
        () => ["1", "1", "1", "2", "2", "3", String(random()), undefined][Math.floor(random() * 8)],
      );
      const sizes = [1, 2, 4, 8, 16, n];
      const total = sizes.map(() => 0);
      for (const expected of new Set([...answers, "nobody"])) {
        if (expected === undefined) continue;
        const fallback = expected === "nobody" ? expected : null;
        majAt(electorate(answers, expected, fallback), sizes, noRandom).forEach((share, index) => {
          total[index] = (total[index] ?? 0) + share;
        });
      }
      for (const share of total) expect(share).toBeCloseTo(1, 11);
    }
  });

  it("is the share of right candidates at k = 1, and the vote itself at k = n", () => {
    const answers = ["2", "1", "1", "2", undefined];
    expect(majAt(electorate(answers, "1"), [1, 5], noRandom)).toEqual([0.4, 0]);
    expect(majAt(electorate(answers, "2", "2"), [1, 5], noRandom)).toEqual([0.6, 1]);
  });

  it("equals pass@k where wrong candidates never vote", () => {
    const answers = ["1", undefined, undefined, "1", undefined, undefined, undefined];
    const sizes = [1, 2, 3, 4, 5, 6, 7];
    const shares = majAt(electorate(answers, "1"), sizes, noRandom);
    for (const [index, k] of sizes.entries()) expect(shares[index]).toBeCloseTo(passAt(7, 2, k), 12);
  });

  it("samples subsets, by a seed, where there are too many candidates to count", () => {
    const answers = range(1200).map((index) => (index % 5 < 3 ? "1" : "2"));
    const candidates = electorate(answers, "1");
    expect(majAtOf(candidates, [1], randomStream(3))[0]?.standardError).toBeGreaterThan(0);
    const [one = 0, many, all] = majAt(candidates, [1, 400, 1200], randomStream(3));
    expect(one).toBeCloseTo(0.6, 1);
    expect(many).toBe(1);
    expect(all).toBe(1);
    expect(majAt(candidates, [1], randomStream(3))[0]).toBe(one);
  });

  it("refuses more candidates than there are", () => {
    expect(() => majAt(electorate(["1"], "1"), [2], noRandom)).toThrow(RangeError);
  });
});

function choose(n: number, k: number): bigint {
  let result = 1n;
  for (let i = 1; i <= k; i += 1) result = (result * BigInt(n - k + i)) / BigInt(i);
  return result;
}
