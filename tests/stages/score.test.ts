import { describe, expect, it } from "vitest";
import {
  candidatesFile,
  selectedFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../../pipeline/artifacts/artifact-file.ts";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { SelectedProblem } from "../../pipeline/artifacts/problem.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { runScore, type ScoreOptions } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { MemoryStore } from "../helpers/memory-store.ts";
import { candidate, candidates, execution, problem, turn } from "../helpers/run-rows.ts";

const options: ScoreOptions = {
  policy: { policy: "integer" },
  vote: { rule: "majority", ties: "first-seen", fallback: null },
  runId: "test",
  setting: { slots: 4, depth: 4, afterAnswer: "stop" },
};

function storeOf(problems: SelectedProblem[], rows: Candidate[], turns?: Turn[]): MemoryStore {
  const store = new MemoryStore().with(selectedFile, problems).with(candidatesFile, rows);
  return turns ? store.with(turnsFile, turns) : store;
}

/** Votes and scores a run of these rows. */
async function scored(
  problems: SelectedProblem[],
  rows: Candidate[],
  turns?: Turn[],
  custom: Partial<ScoreOptions> = {},
) {
  const store = storeOf(problems, rows, turns);
  const all = { ...options, ...custom };
  await runVote(store, all.vote);
  return { store, summary: await runScore(store, all) };
}

const lost = (problemId: string, number: number) =>
  candidate(problemId, number, undefined, { outcome: "engine-failed" });

describe("the score stage", () => {
  it("warns of a set of which not one turn was finished in time", async () => {
    const late = candidate("second/b", 0, undefined, { outcome: "budget", turns: 0 });
    const rows = [candidate("first/a", 0, "1"), late];
    const { summary } = await scored([problem("first/a", "1"), problem("second/b", "2")], rows, []);
    expect(summary.warnings).toContainEqual(expect.stringContaining("Not one turn of second"));
    expect(summary.warnings).not.toContainEqual(expect.stringContaining("Not one turn of first"));
  });

  it("tells where the time and the tokens went", async () => {
    const cut = candidate("set/a", 1, undefined, { outcome: "budget", turns: 0, meta: { lostMilliseconds: 4000 } });
    const turns = [turn("set/a", 0, "x", { milliseconds: 2000, tokens: { prompt: 5, completion: 100 } })];
    const { summary } = await scored([problem("set/a", "1")], [candidate("set/a", 0, "1"), cut], turns);
    expect(summary.all).toMatchObject({ engineBusyShare: 1, waste: { seconds: 2, tokens: { lost: 200 } } });
    expect(summary.sets.set?.waste).toEqual(summary.all.waste);
  });

  const problems = [problem("amc/b", "7"), problem("aime/a", "33"), problem("amc/c", "-4")];
  const rows = [
    ...candidates("amc/b", ["7", "7", "8", undefined]),
    ...candidates("aime/a", ["33", "34", "34", "34"]),
    ...candidates("amc/c", ["5", "6", undefined, "5"]),
  ];

  it("judges every vote", async () => {
    const { store } = await scored(problems, rows.toReversed());
    const verdicts = store.read(verdictsFile);
    expect(
      verdicts.map((row) => [row.problemId, row.set, row.expected, row.answer, row.correct, row.solvedBy]),
    ).toEqual([
      ["aime/a", "aime", "33", "34", false, 1],
      ["amc/b", "amc", "7", "7", true, 2],
      ["amc/c", "amc", "-4", "5", false, 0],
    ]);
    expect(verdicts.every((row) => row.candidates === 4 && row.gold === row.expected)).toBe(true);
  });

  it("summarizes each set and all of them", async () => {
    const { store, summary } = await scored(problems, rows);
    expect(store.summary).toEqual(summary);
    expect(summary).toMatchObject({ formatVersion: 1, runId: "test" });
    expect(Object.keys(summary.sets)).toEqual(["aime", "amc"]);
    expect(summary.all).toMatchObject({ problems: 3, replicates: 1, width: 4, lostCandidates: 0 });
    expect(summary.all.accuracy).toMatchObject({ estimate: 1 / 3, n: 3 });
    expect(summary.all.candidateAccuracy.estimate).toBeCloseTo(3 / 12, 12);
    expect(summary.all.passAt["1"]).toEqual(summary.all.candidateAccuracy);
    expect(Object.keys(summary.all.passAt)).toEqual(["1", "2", "4"]);
    expect(Object.keys(summary.all.majAt)).toEqual(["1", "2", "4"]);
    expect(summary.all.passAt["2"]?.estimate).toBeCloseTo((5 / 6 + 1 / 2) / 3, 12);
    expect(summary.all.passAt["4"]?.estimate).toBeCloseTo(2 / 3, 12);
    // Of amc/b, every pair but (8, none): 7 stands before 8. Of aime/a, the three pairs with 33, which wins their ties.
    expect(summary.all.majAt["2"]?.estimate).toBeCloseTo((5 / 6 + 3 / 6) / 3, 12);
    expect(summary.all.majAt["4"]?.estimate).toBeCloseTo(1 / 3, 12);
    expect(summary.sets.amc?.accuracy.estimate).toBe(0.5);
    expect(summary.all.ledger).toMatchObject({ answered: 10, "no-answer": 2, "engine-failed": 0 });
    expect(summary.all.unsolved).toEqual({ "nobody-right": 1, outvoted: 1 });
    expect(summary.all.tokens).toEqual({ prompt: 120, completion: 240 });
    expect(summary.all.seconds).toBeCloseTo(0.06, 12);
    expect(summary.all.bounds).toEqual({ low: 1 / 3, high: 1 / 3 });
  });

  it("names every interval, of both kinds, with the estimate within", async () => {
    const { summary } = await scored(problems, rows);
    const { accuracy, candidateAccuracy, passAt, majAt } = summary.all;
    for (const estimate of [accuracy, candidateAccuracy, ...Object.values(passAt), ...Object.values(majAt)]) {
      for (const { low, high, level, method } of estimate.intervals) {
        expect(low).toBeLessThanOrEqual(estimate.estimate);
        expect(high).toBeGreaterThanOrEqual(estimate.estimate);
        expect(high).toBeGreaterThan(low);
        expect(level).toBe(0.95);
        expect(method).not.toBe("");
      }
    }
    const kinds = (estimate?: typeof accuracy) => estimate?.intervals.map(({ kind }) => kind);
    for (const estimate of [accuracy, candidateAccuracy, passAt["2"], majAt["2"], majAt["4"]]) {
      expect(kinds(estimate)).toEqual(["sampling", "population"]);
    }
    expect(kinds(passAt["4"])).toEqual(["population"]); // all candidates: nothing is left to tell how it would vary
  });

  it("gives the same summary again, whatever order the rows stand in", async () => {
    const { summary } = await scored(problems, rows);
    expect((await scored(problems.toReversed(), rows.toReversed())).summary).toEqual(summary);
  });

  it("compares under the answer policy", async () => {
    const run = (answer: string, expected: string) =>
      scored([problem("s/a", expected)], candidates("s/a", [answer]), undefined, {
        policy: { policy: "modulo", modulus: 1000 },
      });
    expect((await run("178", "8178")).store.read(verdictsFile)[0]).toMatchObject({ expected: "178", correct: true });
    expect((await run("4", "-4")).store.read(verdictsFile)[0]).toMatchObject({ expected: "996", correct: false });
  });

  it("takes replicates for what they are", async () => {
    const three = ["1", "2", "3"].map((name) => problem(`s/${name}`, "1"));
    const all = three.flatMap(({ problemId }, index) => [
      ...candidates(problemId, ["1", "1"], 0),
      ...candidates(problemId, index === 0 ? ["2", "2"] : ["1", "2"], 1),
    ]);
    const { summary, store } = await scored(three, all);
    expect(store.read(verdictsFile)).toHaveLength(6);
    expect(summary.all).toMatchObject({ problems: 3, replicates: 2, width: 2 });
    expect(summary.all.accuracy).toMatchObject({ estimate: 5 / 6, n: 3 });
    expect(summary.all.candidateAccuracy.estimate).toBeCloseTo(8 / 12, 12);
    expect(summary.all.accuracy.intervals.map(({ method }) => method)).toEqual([
      "Wilson score, over all trials",
      "Wilson score, over problems",
    ]);
    expect(summary.all.ledger.answered).toBe(12);
  });

  it("counts executions, cut-off turns and candidates with the text of another from the journal", async () => {
    const turns = [
      turn("s/a", 1, "two", { turn: 1 }),
      turn("s/a", 0, "one", { execution: execution("ok"), finish: "code" }),
      turn("s/a", 1, "one", { execution: execution("timeout"), finish: "code" }),
      turn("s/a", 0, "two", { turn: 1 }),
      turn("s/a", 2, "onetwo", { finish: "length" }),
      turn("t/a", 0, "one", { execution: execution("ok"), finish: "code" }),
    ];
    const { summary } = await scored(
      [problem("s/a", "1"), problem("t/a", "1")],
      [...candidates("s/a", ["1", "1", "1"]), ...candidates("t/a", ["1", "1", "1"])],
      turns,
    );
    expect(summary.sets.s).toMatchObject({ truncatedTurns: 1, identicalCandidates: 1 });
    expect(summary.sets.s?.executions).toMatchObject({ ok: 1, timeout: 1, crashed: 0 });
    expect(summary.all.executions).toMatchObject({ ok: 2, timeout: 1 });
    expect(summary.warnings.join("\n")).not.toContain("same text");
  });

  it("warns where all candidates of a vote have the same text", async () => {
    const turns = [0, 1, 2].map((candidate) => turn("s/a", candidate, "copied"));
    const { summary } = await scored([problem("s/a", "1")], candidates("s/a", ["1", "1", "1"]), turns);
    expect(summary.warnings.join("\n")).toContain("In 1 of 1 votes all candidates have the same text");
  });

  it("warns of sessions that were rebuilt and gave other outputs than before", async () => {
    const rebuilt = (as: "same" | "diverged") => ({ execution: { ...execution("ok"), rebuilt: as } });
    const turns = [
      turn("amc/b", 0, "a", rebuilt("diverged")),
      turn("amc/b", 0, "b", { turn: 1, ...rebuilt("diverged") }),
      turn("amc/b", 1, "c", rebuilt("same")),
      turn("aime/a", 0, "d", rebuilt("diverged")),
    ];
    const { summary } = await scored(problems, rows, turns);
    expect(summary.warnings).toContainEqual(
      expect.stringMatching(/^2 of 12 candidates went on in a Python session that was rebuilt .*diverged/u),
    );
    const same = await scored(problems, rows, [turn("amc/b", 1, "c", rebuilt("same"))]);
    expect(same.summary.warnings.join("\n")).not.toContain("session");
  });

  it("warns of executions that failed because a module is not installed, the one most missed first", async () => {
    const without = (missingModule: string) => ({ execution: { ...execution("error"), missingModule } });
    const names = ["pandas", "torch", "pandas", "a", "b", "c", "d", "pandas"];
    const turns = names.map((name, index) => turn("amc/b", index % 3, name, { turn: index, ...without(name) }));
    const { summary } = await scored(problems, rows, turns);
    expect(summary.warnings).toContainEqual(
      expect.stringMatching(
        /^8 executions in 3 candidates failed because a module is not installed: pandas \(3\), (?:\w+ \(1\),? ){4}and 1 more\. `sctir doctor`/u,
      ),
    );
    const none = await scored(problems, rows, [turn("amc/b", 1, "c", { execution: execution("error") })]);
    expect(none.summary.warnings.join("\n")).not.toContain("installed");
  });

  it("tells why candidates cast no ballot: cut off, out of time, no integer", async () => {
    const [cutOff, slow, silent, fraction] = candidates("s/a", [undefined, undefined, undefined, undefined]);
    const rows = [
      { ...cutOff, outcome: "no-code" },
      slow,
      silent,
      { ...fraction, outcome: "answered", rawAnswer: "1/2" },
    ] as Candidate[];
    const turns = [
      turn("s/a", 0, "never ending", { finish: "length" }),
      turn("s/a", 1, "slow", { execution: execution("timeout"), finish: "code" }),
      turn("s/a", 2, "no idea"),
      turn("s/a", 3, "1/2"),
    ];
    const { summary } = await scored([problem("s/a", "1")], rows, turns);
    expect(summary.all.silences).toEqual({ truncated: 1, "timed-out": 1, "no-answer": 1, "not-an-integer": 1 });
    expect(summary.all.unsolved).toEqual({ "no-ballots: truncated": 1 });
  });

  it("says so where there is no journal", async () => {
    expect((await scored(problems, rows)).summary.warnings).toEqual([expect.stringContaining("no turns.jsonl")]);
    expect((await scored(problems, rows, [])).summary.warnings).toEqual([]);
  });

  describe("with candidates lost to the engine or the sandbox", () => {
    it("leaves them out of the model's accuracy, and bounds what they could have changed", async () => {
      const { summary } = await scored(
        [problem("s/a", "1"), problem("s/b", "1")],
        [
          ...candidates("s/a", ["1", "2", "2"]),
          lost("s/a", 3),
          lost("s/a", 4),
          ...candidates("s/b", ["1", "1", "1", "1", "1"]),
        ],
      );
      expect(summary.all.lostCandidates).toBe(2);
      expect(summary.all.ledger).toMatchObject({ answered: 8, "engine-failed": 2 });
      expect(summary.all.candidateAccuracy).toMatchObject({ estimate: (1 / 3 + 1) / 2, n: 2 });
      expect(summary.all.passAt["2"]).toMatchObject({ estimate: (2 / 3 + 1) / 2, n: 2 });
      expect(summary.all.passAt["5"]).toMatchObject({ estimate: 1, n: 1 }); // s/a has no five
      expect(summary.all.accuracy.estimate).toBe(0.5);
      expect(summary.all.bounds).toEqual({ low: 0.5, high: 1 });
      expect(summary.all.unsolved).toEqual({ outvoted: 1 });
      expect(summary.warnings.join("\n")).toContain("2 of 10 candidates were lost");
    });

    it("lets the lost join the strongest wrong answer in the lower bound", async () => {
      const { summary } = await scored(
        [problem("s/a", "1")],
        [...candidates("s/a", ["1", "1", "1", "2"]), lost("s/a", 4), lost("s/a", 5), lost("s/a", 6)],
      );
      expect(summary.all.accuracy.estimate).toBe(1);
      expect(summary.all.bounds).toEqual({ low: 0, high: 1 });
    });

    it("blames the engine for a vote that the lost could have turned", async () => {
      const { summary } = await scored(
        [problem("s/a", "1"), problem("s/b", "1")],
        [lost("s/a", 0), lost("s/a", 1), ...candidates("s/b", ["1", "1"])],
      );
      expect(summary.all.unsolved).toEqual({ engine: 1 });
      expect(summary.all.accuracy.estimate).toBe(0.5);
      expect(summary.all.candidateAccuracy).toMatchObject({ estimate: 1, n: 1 });
    });

    it("counts a crash of the sandbox only where the candidate has no answer", async () => {
      const crash = { execution: execution("crashed"), finish: "code" } as const;
      const { summary } = await scored([problem("s/a", "1")], candidates("s/a", [undefined, "1", undefined]), [
        turn("s/a", 0, "a", { ...crash, turn: 1 }),
        turn("s/a", 0, "b", { execution: execution("ok"), finish: "code" }),
        turn("s/a", 1, "c", crash),
        turn("s/a", 2, "d", crash),
        turn("s/a", 2, "e", { turn: 1, execution: execution("error"), finish: "code" }),
      ]);
      expect(summary.all.lostCandidates).toBe(1);
      expect(summary.all.candidateAccuracy.estimate).toBe(0.5);
    });

    it("gives no score where a set lost everything", async () => {
      const store = storeOf(
        [problem("s/a", "1"), problem("t/a", "1")],
        [lost("s/a", 0), lost("s/a", 1), ...candidates("t/a", ["1", "1"])],
      );
      await runVote(store, options.vote);
      const failure = runScore(store, options);
      await expect(failure).rejects.toThrow("Every candidate of s was lost");
      await expect(failure).rejects.toMatchObject({ name: "UserError", exitCode: 3 });
      expect(store.summary).toBeUndefined();
    });
  });

  describe("refuses", () => {
    it("a run that lacks candidates, naming how many and where", async () => {
      const five = ["a", "b", "c", "d", "e"].map((name) => problem(`s/${name}`, "1"));
      const store = storeOf(five, [
        ...candidates("s/a", ["1", "1", "1"]),
        ...candidates("s/b", ["1", "1"]),
        ...candidates("s/c", ["1"]),
        ...candidates("s/e", ["1", "1"]),
      ]);
      await runVote(store, options.vote);
      const failure = runScore(store, options);
      await expect(failure).rejects.toThrow(
        /lacks 7 of 15 rows .*s\/b lacks 1; s\/c lacks 2; s\/d lacks 3 and 1 more/u,
      );
      await expect(failure).rejects.toMatchObject({ name: "UserError", exitCode: 1 });
      expect(store.summary).toBeUndefined();
      expect(store.read(verdictsFile)).toEqual([]);
    });

    it("a run without candidates", async () => {
      const store = storeOf(problems, []);
      await runVote(store, options.vote);
      await expect(runScore(store, options)).rejects.toMatchObject({ name: "UserError", exitCode: 1 });
    });

    it("votes that are missing, repeated, of other problems or of other candidates", async () => {
      const store = storeOf(problems, rows);
      await runVote(store, options.vote);
      const votes = store.read(votesFile);
      const [first, ...others] = votes;
      if (!first) throw new Error("no vote");
      const scoreWith = (changed: typeof votes) => runScore(store.with(votesFile, changed), options);
      await expect(scoreWith(others)).rejects.toThrow("no vote on aime/a");
      await expect(scoreWith([...votes, first])).rejects.toThrow("two rows for aime/a");
      await expect(scoreWith([...votes, { ...first, problemId: "x/y" }])).rejects.toThrow("x/y");
      await expect(scoreWith([{ ...first, candidates: 3 }, ...others])).rejects.toThrow(
        "a vote of 3 candidates, not 4",
      );
    });

    it("turns that are repeated or of other problems", async () => {
      const scoreWith = (turns: Turn[]) => scored(problems, rows, turns);
      await expect(scoreWith([turn("aime/a", 0, "x"), turn("aime/a", 0, "y")])).rejects.toThrow(
        "two rows for aime/a, replicate 0, candidate 0, turn 0",
      );
      await expect(scoreWith([turn("x/y", 0, "x")])).rejects.toThrow("x/y");
    });
  });

  it("scores votes of another rule as they are, and says so", async () => {
    const store = storeOf(problems, rows);
    await runVote(store, options.vote);
    const elected = store
      .read(votesFile)
      .map((vote) => (vote.problemId === "amc/c" ? { ...vote, answer: "-4" } : vote));
    const summary = await runScore(store.with(votesFile, elected), options);
    expect(summary.all.accuracy.estimate).toBeCloseTo(2 / 3, 12);
    expect(summary.warnings.join("\n")).toContain("another answer in 1 of 3 votes");
  });
});
