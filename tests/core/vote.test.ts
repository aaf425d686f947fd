import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { creditOf, lotsOf, ruleName, tiedWinners, type Voter, vote, weightOf } from "../../pipeline/core/vote.ts";
import { dataFolder, dataRows, hasDataFolder } from "../helpers/data-folder.ts";

function voter(candidate: number, answer?: string, pruned?: { turns: number }): Voter {
  return {
    candidate,
    turns: pruned?.turns ?? 4,
    ...(answer === undefined ? {} : { answer }),
    ...(pruned ? { meta: { pruned: true } } : {}),
  };
}
const firstSeen = { ties: "first-seen", fallback: null } as const;
const lowestCandidate = { ties: "lowest-candidate", fallback: null } as const;

describe("vote", () => {
  it("elects the answer with the most ballots; a candidate without an answer casts none", () => {
    const voters = [voter(0), voter(1, "5"), voter(2, "12"), voter(3), voter(4, "12"), voter(5)];
    expect(vote(voters, firstSeen)).toEqual({
      answer: "12",
      tally: [
        { answer: "12", count: 2 },
        { answer: "5", count: 1 },
      ],
    });
  });

  it("gives a tie to the answer seen first, whatever order the rows arrived in", () => {
    const voters = [voter(3, "7"), voter(0, "12"), voter(2, "12"), voter(1, "7")];
    expect(vote(voters, firstSeen).answer).toBe("12");
    expect(vote(voters.toReversed(), firstSeen).answer).toBe("12");
  });

  it("keeps tied answers that look like array indexes in the order of their first ballots", () => {
    const { tally } = vote([voter(0, "30"), voter(1, "-4"), voter(2, "2"), voter(3, "2")], firstSeen);
    expect(tally.map(({ answer }) => answer)).toEqual(["2", "30", "-4"]);
  });

  it("lets candidates that were cut off vote first, by the turn that cut them off", () => {
    const voters = [
      voter(0, "1"),
      voter(1, "2", { turns: 3 }),
      voter(2, "3", { turns: 2 }),
      voter(3, "4", { turns: 2 }),
    ];
    expect(vote(voters, firstSeen).tally.map(({ answer }) => answer)).toEqual(["3", "4", "2", "1"]);
  });

  it("looks at the candidate number alone under lowest-candidate", () => {
    const voters = [voter(1, "2", { turns: 1 }), voter(0, "1")];
    expect(vote(voters, firstSeen).answer).toBe("2");
    expect(vote(voters, lowestCandidate)).toMatchObject({ answer: "1", tally: [{ answer: "1" }, { answer: "2" }] });
  });

  it("elects the fallback where nobody has an answer", () => {
    expect(vote([voter(0), voter(1)], firstSeen)).toEqual({ answer: null, tally: [] });
    expect(vote([], { ties: "first-seen", fallback: "0" })).toEqual({ answer: "0", tally: [] });
  });

  it("names its rule", () => {
    expect(ruleName({ rule: "majority", ties: "first-seen", fallback: null })).toBe("majority, ties: first-seen");
    expect(ruleName({ rule: "majority", ties: "lowest-candidate", fallback: "0" })).toBe(
      "majority, ties: lowest-candidate, fallback: 0",
    );
  });
});

describe.skipIf(!hasDataFolder)("vote on real tallies", () => {
  it("elects the notebook's majority, ties and empty votes included", () => {
    interface Case {
      function: string;
      output: { filtered: number[]; majority: number };
    }
    const cases = dataRows<Case>("conformance/answers.jsonl").filter((row) => row.function === "filterAnswersAndVote");
    expect(cases).toHaveLength(150);
    for (const { output } of cases) {
      const voters = output.filtered.map((answer, candidate) => voter(candidate, String(answer)));
      expect(vote(voters, { ties: "first-seen", fallback: "0" }).answer).toBe(String(output.majority));
    }
  });

  it("counts the 200 tallies of 40 recorded AIMO runs, and elects what they elected where the winner is unique", () => {
    interface Problem {
      tally: [number, number][];
      best: number;
      tally_mod_1000: boolean;
    }
    const text = readFileSync(`${dataFolder}/recordings/aimo1-dsmath7b-runs.json`, "utf8");
    const runs = JSON.parse(text) as { problems: Problem[] }[];
    const problems = runs.flatMap((run) => run.problems);
    expect(problems).toHaveLength(200);
    let unique = 0;
    for (const { tally, best, tally_mod_1000 } of problems) {
      const ballots = tally.flatMap(([answer, count]) => Array<string>(count).fill(String(answer)));
      const elected = vote(
        ballots.map((answer, index) => voter(index, answer)),
        firstSeen,
      );
      expect(elected.tally).toEqual(tally.map(([answer, count]) => ({ answer: String(answer), count })));
      if (!tally_mod_1000 || (tally[0]?.[1] ?? 0) === tally[1]?.[1]) continue;
      unique += 1;
      expect(elected.answer).toBe(String(best));
    }
    expect(unique).toBeGreaterThan(0);
  });
});

describe("other rules", () => {
  const scored = (candidate: number, answer: string, score: number): Voter => ({
    ...{ candidate, turns: 1, answer },
    meta: { score },
  });

  it("weigh ballots by a score, as it is or transformed", () => {
    const voters = [scored(0, "7", 0.2), scored(1, "7", 0.3), scored(2, "5", 0.6)];
    const rule = { ...firstSeen, rule: "weighted" } as const;
    expect(vote(voters, rule).tally).toEqual([
      { answer: "5", count: 1, score: 0.6 },
      { answer: "7", count: 2, score: 0.5 },
    ]);
    expect(vote(voters, { ...rule, weight: "exp" }).answer).toBe("7"); // 1.22 + 1.35 against 1.82
    expect(vote(voters, { ...rule, weight: "sigmoid" }).answer).toBe("7");
  });

  it("let the best ballot decide; of equal ones the first", () => {
    const rule = { ...firstSeen, rule: "best-of-n" } as const;
    expect(vote([scored(0, "7", 1), scored(1, "5", 3), scored(2, "7", 2)], rule)).toEqual({
      answer: "5",
      tally: [
        { answer: "5", count: 1, score: 3 },
        { answer: "7", count: 2, score: 2 },
      ],
    });
    expect(vote([scored(0, "7", 1), scored(1, "5", 3), scored(2, "7", 3)], rule).answer).toBe("5");
  });

  it("find a score by its path, and take no other property for one", () => {
    const voter: Voter = { candidate: 0, turns: 3, answer: "1", meta: { deep: { down: 4 } } };
    const weight = (score: string) => weightOf(voter, { ...firstSeen, rule: "best-of-n", score });
    expect(weight("meta.deep.down")).toBe(4);
    expect(weight("turns")).toBe(3);
    expect(weight("meta.deep")).toBeUndefined();
    expect(weight("meta.constructor.length")).toBeUndefined();
  });

  it("drop candidates whose last program failed, or that ran none", () => {
    const ran = (candidate: number, answer: string, lastExecution?: string): Voter => ({
      ...{ candidate, turns: 1, answer },
      ...(lastExecution === undefined ? {} : { meta: { lastExecution } }),
    });
    const voters = [ran(0, "7", "error"), ran(1, "7"), ran(2, "5", "ok")];
    expect(vote(voters, { ...firstSeen, rule: "drop-errors" })).toEqual({
      answer: "5",
      tally: [{ answer: "5", count: 1 }],
    });
  });

  it("decide ties by lot: the same one for the same seed, each answer in its turn over many problems", () => {
    const voters = [voter(0, "1"), voter(1, "2"), voter(2, "2"), voter(3, "1"), voter(4, "9")];
    const rule = { ties: "random", fallback: null, seed: 5 } as const;
    const winners = Array.from({ length: 200 }, (_, problem) => {
      const lots = lotsOf(rule, { problemId: `set/${problem}`, replicate: 0 });
      expect(vote(voters.toReversed(), rule, lots)).toEqual(vote(voters, rule, lots));
      return vote(voters, rule, lots).answer;
    });
    expect(new Set(winners)).toEqual(new Set(["1", "2"]));
    expect(winners.filter((winner) => winner === "1").length).toBeGreaterThan(70);
    expect(winners.filter((winner) => winner === "2").length).toBeGreaterThan(70);
  });

  it("count a tie in part where its expected value is asked for", () => {
    const rule = { ties: "expected", fallback: null } as const;
    const voters = [voter(0, "1"), voter(1, "2"), voter(2, "3"), voter(3, "3"), voter(4, "2")];
    expect(tiedWinners(voters, rule)).toEqual(["2", "3"]);
    expect(creditOf("2", "3", voters, rule)).toBe(0.5);
    expect(creditOf("2", "1", voters, rule)).toBe(0);
    expect(creditOf("1", "1", voters, rule)).toBe(1); // elected by somebody else's rule
    expect(creditOf(null, "1", [voter(0)], rule)).toBe(0);
    expect(creditOf("2", "3", voters, firstSeen)).toBe(0);
  });
});
