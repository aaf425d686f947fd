import { describe, expect, it } from "vitest";
import { vote } from "../../pipeline/core/vote.ts";
import { answering, code, type Generated, generate } from "../helpers/generation.ts";

const width = (candidates: number, rest: object = {}) => ({ sampling: { width: candidates, depth: 4, ...rest } });
const outcomes = ({ candidates }: Generated) => candidates.map(({ outcome }) => outcome);
const winner = (run: Generated, id: string) =>
  vote(
    run.candidates.filter(({ problemId }) => problemId === `set/${id}`),
    { ties: "first-seen", fallback: null },
  ).answer;

/** The most requests that were in flight at a time. */
function peak({ asked }: Generated): number {
  return Math.max(...asked.map(({ at }) => asked.filter((other) => other.at <= at && other.until > at).length));
}

describe("a schedule", () => {
  it("has no barrier: a candidate goes on as soon as its own output is there", async () => {
    const run = await generate({
      problems: 1,
      config: width(4),
      pythonSeconds: 1,
      say: ({ candidate, turn }) => ({
        text: turn < 2 ? code : answering(42),
        seconds: candidate === 0 && turn === 0 ? 100 : 10,
      }),
    });
    const ends = run.asked.filter(({ turn }) => turn === 2).map(({ candidate, until }) => [candidate, until]);
    expect(ends).toEqual([
      [1, 32],
      [2, 32],
      [3, 32],
      [0, 122],
    ]);
  });

  it("takes up the next problem while the last one's slow candidate is under way", async () => {
    const run = await generate({
      problems: 2,
      config: { ...width(4), schedule: { concurrency: 4 } },
      say: ({ problem, candidate }) => ({
        text: code + answering(42),
        seconds: problem === "p0" && candidate === 3 ? 50 : 10,
      }),
    });
    expect(run.asked.find(({ problem }) => problem === "p1")?.at).toBe(10);
    expect(peak(run)).toBe(4);
  });

  it("keeps no more turns in flight than it may, and fills what it may", async () => {
    const run = await generate({
      problems: 5,
      config: { ...width(6), schedule: { concurrency: 7 } },
      say: ({ candidate, turn }) => ({ text: turn === 0 ? code : answering(1), seconds: 1 + candidate }),
    });
    expect(peak(run)).toBe(7);
    expect(run.candidates).toHaveLength(30);
  });

  it("holds back new candidates that the engine's cache has no room for", async () => {
    const run = await generate({
      problems: 4,
      config: width(8, { maxTokens: 200 }),
      load: async () => ({ cacheTokens: 500 }),
      say: () => ({ text: answering(1), seconds: 5 }),
    });
    expect(run.asked.filter(({ at }) => at === 0)).toHaveLength(7); // 65 tokens for each
    expect(run.candidates).toHaveLength(32);
  });
});

describe("an exam", () => {
  const exam = { mode: "exam", order: { random: 5 } };

  it("shows one problem at a time, in an order by the seed, the next one when the answer is final", async () => {
    const run = await generate({
      problems: 6,
      config: { ...width(3), schedule: exam },
      say: ({ candidate }) => ({ text: answering(candidate), seconds: 1 + candidate }),
    });
    const shown = [...new Set(run.asked.map(({ problem }) => problem))];
    expect(shown.toSorted()).toEqual(["p0", "p1", "p2", "p3", "p4", "p5"]);
    expect(shown).not.toEqual(shown.toSorted());
    const final = run.events.flatMap((event) => (event.kind === "problem-finished" ? [event.problemId] : []));
    expect(final).toEqual(shown.map((id) => `set/${id}`));
    for (const [index, id] of shown.slice(1).entries()) {
      const begins = Math.min(...run.asked.filter(({ problem }) => problem === id).map(({ at }) => at));
      const ended = run.asked.filter(({ problem }) => problem === shown[index]).map(({ until }) => until);
      expect(begins).toBeGreaterThanOrEqual(Math.max(...ended));
    }
  });

  it("is held anew for each replicate, in another order", async () => {
    const run = await generate({
      problems: 5,
      config: { ...width(1, { replicates: 2 }), schedule: exam },
      say: () => ({ text: answering(1), seconds: 1 }),
    });
    const [first, second] = [run.asked.slice(0, 5), run.asked.slice(5)];
    expect(first.every(({ replicate }) => replicate === 0)).toBe(true);
    expect(second.every(({ replicate }) => replicate === 1)).toBe(true);
    expect(first.map(({ problem }) => problem)).not.toEqual(second.map(({ problem }) => problem));
  });
});

describe("a budget", () => {
  it("ends a problem on time: what hangs is aborted, and the vote takes the answers there are", async () => {
    const run = await generate({
      problems: 2,
      config: { ...width(3), budget: { problemSeconds: 60 }, schedule: { mode: "exam" } },
      say: ({ candidate }) => (candidate === 1 ? "hangs" : { text: answering(42), seconds: 5 }),
    });
    expect(outcomes(run).toSorted()).toEqual(["answered", "answered", "answered", "answered", "budget", "budget"]);
    expect(run.asked.filter(({ aborted }) => aborted).map(({ until }) => until)).toEqual([60, 120]);
    expect([winner(run, "p0"), winner(run, "p1")]).toEqual(["42", "42"]);
    expect(run.seconds).toBe(120);
  });

  it("does not count what it ends while the engine is away as the model's, and keeps its time", async () => {
    // Candidate 1 of each problem takes longer than there is. The engine is away for most of the second and third problem.
    const run = await generate({
      problems: 5,
      config: { ...width(2), budget: { problemSeconds: 60 }, schedule: { mode: "exam" } },
      isAway: (second) => second > 70 && second < 185,
      say: ({ candidate, turn }) => ({ text: turn === 0 ? code : answering(42), seconds: candidate === 1 ? 40 : 5 }),
    });
    expect(outcomes(run)).toEqual([
      ...["answered", "budget"],
      ...["answered", "engine-failed"], // until 120
      ...["engine-failed", "engine-failed"], // until 180
      ...["answered", "budget"], // from 185 on: for the time that is left
      ...["answered", "budget"],
    ]);
    expect(run.candidates[3]).toMatchObject({ turns: 1, meta: { reason: "nothing listens there" } });
    expect(run.seconds).toBe(300);
  });

  it("does not count what it ends as the model's where the engine is gone at the end", async () => {
    const setting = {
      problems: 3,
      config: { ...width(1), budget: { problemSeconds: 60 }, schedule: { mode: "exam" } },
      say: ({ problem }: { problem: string }) =>
        problem === "p0" ? { text: answering(42), seconds: 5 } : ("hangs" as const),
    };
    expect(outcomes(await generate(setting))).toEqual(["answered", "budget", "budget"]);
    const away = await generate({ ...setting, isAway: (second) => second > 70 });
    expect(outcomes(away)).toEqual(["answered", "engine-failed", "engine-failed"]);
  });

  it("ends a program that runs, too", async () => {
    const run = await generate({
      problems: 1,
      config: { ...width(1), budget: { problemSeconds: 60 } },
      pythonSeconds: 500,
      say: () => ({ text: code, seconds: 5 }),
    });
    expect(run.candidates).toMatchObject([{ outcome: "budget", turns: 0, meta: { lostMilliseconds: 5000 } }]);
    expect(run.seconds).toBe(60);
  });

  it("in all ends every problem, also those that never began", async () => {
    const run = await generate({
      problems: 3,
      config: { ...width(2), budget: { totalSeconds: 25 }, schedule: { mode: "exam" } },
      say: () => ({ text: answering(42), seconds: 20 }),
    });
    expect(outcomes(run)).toEqual(["answered", "answered", "budget", "budget", "budget", "budget"]);
    expect(run.asked).toHaveLength(4);
    expect(run.seconds).toBe(25);
  });

  it("below one turn gives each problem no answer, and nobody waits", async () => {
    const run = await generate({
      problems: 2,
      config: { ...width(2), budget: { problemSeconds: 0.001 } },
      say: () => ({ text: answering(42), seconds: 20 }),
    });
    expect(outcomes(run)).toEqual(["budget", "budget", "budget", "budget"]);
    expect(run.seconds).toBeCloseTo(0.001);
  });

  it("of a resumed run is what its turns have left of it", async () => {
    const config = { ...width(1), budget: { problemSeconds: 60, totalSeconds: 100 } };
    const say = () => ({ text: code, seconds: 20 });
    const before = await generate({ problems: 1, config, say, pythonSeconds: 1 });
    expect(before.turns).toHaveLength(2);
    const after = await generate({ problems: 1, config, say, journal: before.turns.slice(0, 1), secondsSpent: 21 });
    expect(after.asked.map(({ turn, until }) => [turn, until])).toEqual([
      [1, 20],
      [2, 39],
    ]);
    const late = await generate({ problems: 1, config, say, journal: before.turns.slice(0, 1), secondsSpent: 95 });
    expect(late.seconds).toBe(5);
  });

  it("of a resumed run counts the time that programs waited for a worker", async () => {
    const config = { ...width(1), budget: { problemSeconds: 60 } };
    const before = await generate({ problems: 1, config, say: () => ({ text: code, seconds: 20 }) });
    const journal = before.turns.slice(0, 1).map((row) => ({ ...row, meta: { queuedMilliseconds: 15_000 } }));
    const after = await generate({ problems: 1, config, say: () => "hangs", journal });
    expect(after.seconds).toBe(25);
  });

  it("with a bank hands on what a problem did not need, and no problem takes what the rest need", async () => {
    const run = await generate({
      problems: 4,
      config: { ...width(1), budget: { totalSeconds: 400, policy: "bank" }, schedule: { mode: "exam" } },
      say: ({ problem }) => (problem === "p0" ? { text: answering(1), seconds: 10 } : "hangs"),
    });
    // 100 each to begin with. Then 390 are left for three, 90 of it in the bank: 100 + 45; 245 for two: 100 + 22.5.
    expect(run.asked.map(({ at, until }) => until - at)).toEqual([10, 145, 122.5, 122.5]);
  });

  it("with a bank and a time per problem gives the next one its own and half of what is over", async () => {
    const budget = { problemSeconds: 50, totalSeconds: 400, policy: "bank" };
    const run = await generate({
      problems: 4,
      config: { ...width(1), budget, schedule: { mode: "exam" } },
      say: ({ problem }) => (problem === "p0" ? { text: answering(1), seconds: 10 } : "hangs"),
    });
    // 390 left for three, 240 of it in the bank: 50 + 120; then 220 for two: 50 + 60; then 110.
    expect(run.asked.map(({ at, until }) => until - at)).toEqual([10, 170, 110, 110]);
  });
});

describe("an early stop", () => {
  const say = ({ candidate }: { candidate: number }) => ({
    text: answering(candidate < 6 ? 42 : 7),
    seconds: 10 * (1 + candidate),
  });

  it("cancels candidates once none of them can change the winner", async () => {
    const run = await generate({ problems: 1, config: { ...width(10), earlyStop: "certain" }, say });
    expect(outcomes(run).filter((outcome) => outcome === "decided").length).toBeGreaterThan(3);
    expect(run.seconds).toBeLessThan(70);
    expect(winner(run, "p0")).toBe("42");
    expect(run.asked.filter(({ aborted }) => aborted)).toHaveLength(
      outcomes(run).filter((outcome) => outcome === "decided").length,
    );
  });

  it("never asks for candidates that have not begun", async () => {
    const config = { ...width(10), earlyStop: "certain", schedule: { concurrency: 1 } };
    const run = await generate({ problems: 1, config, say });
    expect(run.asked.length).toBeLessThan(7);
    expect(run.candidates).toHaveLength(10);
    const begun = run.events.filter(({ kind }) => kind === "candidate-started");
    expect(begun).toHaveLength(run.asked.length);
  });

  it("of a resumed run sees at once that a vote is decided", async () => {
    const config = { ...width(10), earlyStop: "certain", schedule: { concurrency: 1 } };
    const before = await generate({ problems: 1, config, say });
    const after = await generate({ problems: 1, config, say, journal: before.turns });
    expect(after.asked).toEqual([]);
    expect(after.candidates).toHaveLength(10);
  });

  it("at a confidence stops sooner than for certain", async () => {
    const config = { ...width(40), schedule: { concurrency: 1 } };
    const same = () => ({ text: answering(42), seconds: 1 });
    const certain = await generate({ problems: 1, config: { ...config, earlyStop: "certain" }, say: same });
    const likely = await generate({ problems: 1, config: { ...config, earlyStop: { confidence: 0.95 } }, say: same });
    expect(likely.asked.length).toBeLessThan(certain.asked.length);
    expect(winner(likely, "p0")).toBe("42");
  });
});

describe("an interruption", () => {
  it("lets the turns in flight end and begins none", async () => {
    const stopping = new AbortController();
    const run = await generate({
      problems: 3,
      config: { ...width(2), schedule: { concurrency: 2 } },
      stopping: stopping.signal,
      say: ({ candidate }) => ({ text: code, seconds: 1 + candidate }),
      onEvent: (event) => event.kind === "turn" && stopping.abort(),
    });
    expect(run.asked).toHaveLength(2);
    expect(run.turns).toHaveLength(2);
    expect(run.candidates).toEqual([]);
  });

  it("reaches candidates that are held back for want of room", async () => {
    const stopping = new AbortController();
    const run = await generate({
      problems: 2,
      config: width(8, { maxTokens: 200 }),
      load: async () => ({ cacheTokens: 150 }), // of two candidates
      stopping: stopping.signal,
      say: () => ({ text: code, seconds: 1 }),
      onEvent: (event) => event.kind === "turn" && stopping.abort(),
    });
    expect(run.asked).toHaveLength(2);
    expect(run.candidates).toEqual([]);
  });
});
