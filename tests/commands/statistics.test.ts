import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";

/** What is said of finished runs: simulate, compare, leaderboard and vote by another rule, over real replays. */

const replay = fileURLToPath(new URL("../../configs/replay.yaml", import.meta.url));
const few = ["--set", "problems.0.take=12"];

interface Forecast {
  depth: number;
  width: number;
  accuracy: { estimate: number };
  tokensPerProblem: { mean: number };
  gain?: { from: number; mean: number };
}
interface Simulation {
  forecasts: Forecast[];
  frontier: { width: number; depth: number }[];
}

let folder = "";
const run = (name: string) => join(folder, name);
const json = async (...args: string[]) =>
  JSON.parse((await sctir([...args, "--json"])).stdout) as Record<string, never>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sctir-test-"));
  for (const [name, ...changes] of [
    ["whole"],
    ["shallow", "--set", "sampling.depth=2"],
    ["narrow", "--set", "sampling.width=3"],
  ] as const) {
    const { exitCode, stderr } = await sctir(["run", replay, "--out", run(name), ...few, ...changes]);
    expect(exitCode, stderr).toBe(0);
  }
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("sctir simulate", () => {
  it("says of a smaller depth what a run of that depth comes to", async () => {
    const { forecasts } = (await json("simulate", run("whole"))) as unknown as Simulation;
    const told = forecasts.find(({ depth, width }) => depth === 2 && width === 8);
    const real = (jsonOf(run("shallow"), "summary.json") as { all: { accuracy: { estimate: number } } }).all;
    expect(told?.accuracy.estimate).toBe(real.accuracy.estimate);
    const tokens = rowsOf(run("shallow"), "candidates.jsonl").map(
      (row) => (row.tokens as { completion: number }).completion,
    );
    expect(told?.tokensPerProblem.mean).toBeCloseTo(tokens.reduce((sum, each) => sum + each, 0) / 12, 9);
    const single = forecasts.find(({ depth, width }) => depth === 2 && width === 1);
    const { candidateAccuracy } = real as unknown as { candidateAccuracy: { estimate: number } };
    expect(single?.accuracy.estimate).toBeCloseTo(candidateAccuracy.estimate, 12);
  });

  it("says of a smaller width the mean over all runs of that width, of which a real one is one", async () => {
    const { forecasts } = (await json(
      "simulate",
      run("whole"),
      "--width",
      "3,8",
      "--depth",
      "4",
    )) as unknown as Simulation;
    const ballots = Map.groupBy(rowsOf(run("whole"), "candidates.jsonl"), ({ problemId }) => problemId as string);
    const expected = new Map(rowsOf(run("whole"), "verdicts.jsonl").map((row) => [row.problemId, row.expected]));
    let [right, votes] = [0, 0];
    for (const [problemId, candidates] of ballots) {
      for (let a = 0; a < 8; a += 1) {
        for (let b = a + 1; b < 8; b += 1) {
          for (let c = b + 1; c < 8; c += 1) {
            const voters = [a, b, c].map((number) => candidates.find(({ candidate }) => candidate === number));
            right += electedBy(voters as unknown as Row[]) === expected.get(problemId) ? 1 : 0;
            votes += 1;
          }
        }
      }
    }
    expect(forecasts[0]?.accuracy.estimate).toBeCloseTo(right / votes, 9);
    const sampled = ballots
      .get("sample/sample-01")
      ?.slice(0, 3)
      .map(({ answer }) => answer);
    const narrow = rowsOf(run("narrow"), "candidates.jsonl").filter(
      ({ problemId }) => problemId === "sample/sample-01",
    );
    expect(narrow.map(({ answer }) => answer)).toEqual(sampled);
    expect(forecasts[1]?.gain?.from).toBe(3);
    expect(forecasts[1]?.gain?.mean).toBeCloseTo((forecasts[1]?.accuracy.estimate ?? 0) - right / votes, 9);
  });

  it("changes no winner with a certain early stop, and saves tokens", async () => {
    const setting = ["simulate", run("whole"), "--width", "8", "--depth", "4"];
    const plain = (await json(...setting)) as unknown as Simulation;
    const early = (await json(...setting, "--early-stop", "certain")) as unknown as Simulation;
    expect(early.forecasts[0]?.accuracy.estimate).toBe(plain.forecasts[0]?.accuracy.estimate);
    expect(early.forecasts[0]?.tokensPerProblem.mean).toBeLessThan(plain.forecasts[0]?.tokensPerProblem.mean ?? 0);
  });

  it.each([
    [["--width", "9"], /has sampled 8/u],
    [["--depth", "5"], /has sampled 4/u],
    [["--width", "0"], /whole numbers/u],
    [["--width", "two"], /whole numbers/u],
    [["--early-stop", "soon"], /between 0.5 and 1/u],
    [["--budget", "-1"], /more than 0/u],
  ])("refuses %s", async (args, message) => {
    const { exitCode, stderr } = await sctir(["simulate", run("whole"), ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("refuses a run whose candidates were cut off", async () => {
    const cut = run("cut");
    cpSync(run("whole"), cut, { recursive: true });
    const rows = rowsOf(cut, "candidates.jsonl");
    const [{ answer: _, rawAnswer: __, ...first } = {}, ...others] = rows;
    const lines = [{ ...first, outcome: "decided" }, ...others].map((row) => `${JSON.stringify(row)}\n`);
    writeFileSync(join(cut, "candidates.jsonl"), lines.join(""));
    const { exitCode, stderr } = await sctir(["simulate", cut]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("1 candidates that were cut off: 1 by an early stop");
  });
});

interface Row {
  answer?: string;
  turns: number;
  candidate: number;
  meta?: { pruned?: boolean };
}

/** The majority, ties to the first seen: counted here by other means. */
function electedBy(voters: readonly Row[]): string | undefined {
  const inOrder = voters.toSorted((a, b) => place(a) - place(b) || a.candidate - b.candidate);
  const answers = inOrder.flatMap(({ answer }) => answer ?? []);
  const votes = (answer: string) => answers.filter((each) => each === answer).length;
  return answers.toSorted((a, b) => votes(b) - votes(a))[0]; // stable
}

function place({ turns, meta }: Row): number {
  return meta?.pruned ? turns : 1000;
}

describe("sctir compare", () => {
  it("names what differs first, and compares on what is shared", async () => {
    const { stdout, exitCode } = await sctir(["compare", run("whole"), run("narrow")]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")[0]).toBe("These runs differ in: sampling.width (8 / 3).");
    expect(stdout).toContain("votes of 3");
    const strict = await sctir(["compare", run("whole"), run("shallow"), "--strict"]);
    expect(strict.exitCode).toBe(1);
    expect(strict.stderr).toContain("sampling.depth");
  });

  it("finds no difference between a run and its copy, and prints the same as JSON and CSV", async () => {
    cpSync(run("whole"), run("copy"), { recursive: true });
    const { all, settingsThatDiffer } = (await json("compare", run("whole"), run("copy"))) as unknown as {
      all: { pairs: { difference: { estimate: number }; test: { pValue: number }; flipped: object }[] };
      settingsThatDiffer: string[];
    };
    expect(settingsThatDiffer).toEqual([]);
    expect(all.pairs[0]).toMatchObject({ difference: { estimate: 0 }, flipped: { gained: [], lost: [] } });
    expect(all.pairs[0]?.test.pValue).toBeCloseTo(1, 9);
    const { stdout } = await sctir(["compare", run("whole"), run("copy"), "--csv"]);
    expect(stdout.split("\n").filter((line) => line !== "")).toHaveLength(3); // heading, the set, all
    expect(stdout).not.toContain("NaN");
  });

  it("says of bad input what is wrong", async () => {
    const cases: [string[], RegExp, number][] = [
      [[run("whole")], /Two runs are needed/u, 2],
      [[run("whole"), run("whole")], /given twice/u, 2],
      [[run("whole"), join(folder, "nowhere")], /no run directory/u, 2],
      [[run("whole"), folder], /holds no scored run/u, 1],
      [[run("whole"), run("narrow"), "--json", "--csv"], /Choose one/u, 2],
    ];
    for (const [args, message, code] of cases) {
      const { exitCode, stderr } = await sctir(["compare", ...args]);
      expect([exitCode, stderr]).toEqual([code, expect.stringMatching(message)]);
    }
  });

  it("refuses verdicts that do not belong to the candidates", async () => {
    const stale = run("stale");
    cpSync(run("whole"), stale, { recursive: true });
    const verdicts = readFileSync(join(stale, "verdicts.jsonl"), "utf8").split("\n");
    writeFileSync(join(stale, "verdicts.jsonl"), verdicts.slice(1).join("\n"));
    const missing = await sctir(["compare", run("whole"), stale]);
    expect([missing.exitCode, missing.stderr]).toEqual([
      1,
      expect.stringContaining("does not belong to candidates.jsonl"),
    ]);
    appendFileSync(join(stale, "verdicts.jsonl"), `${verdicts[1]}\n`);
    const twice = await sctir(["compare", run("whole"), stale]);
    expect(twice.exitCode).toBe(2);
  });
});

describe("sctir score", () => {
  it("prints its estimates as CSV: a line each, per set and over all", async () => {
    const { stdout, exitCode } = await sctir(["score", run("whole"), "--csv"]);
    expect(exitCode).toBe(0);
    const lines = stdout.trim().split("\n");
    expect(lines[0]).toMatch(/^set,name,estimate,problems,populationLow/u);
    expect(
      lines.filter((line) => /^(sample|all),(accuracy|candidateAccuracy|(pass|maj)@[1248]),[0-9.]+,12,/u.test(line)),
    ).toHaveLength(20);
    expect(lines).toHaveLength(21);
  });
});

describe("sctir leaderboard", () => {
  it("forecasts scores, from fixed seeds, as a table, JSON and CSV", async () => {
    const args = ["leaderboard", run("whole"), run("narrow"), "--draws", "500"];
    const { stdout, exitCode } = await sctir(args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("A competition of 50 problems: 50 of all (drawn from 12).");
    expect((await sctir(args)).stdout).toBe(stdout);
    const { runs } = (await json(...args)) as unknown as { runs: { name: string; expected: number }[] };
    expect(runs.map(({ name }) => name)).toEqual(["whole", "narrow"]);
    const csv = await sctir([...args, "--csv"]);
    expect(csv.stdout.split("\n")[0]).toContain("run,problems,expected");
  });

  it("says of bad input what is wrong", async () => {
    for (const [args, message] of [
      [["--problems", "0"], /whole number/u],
      [["--draws", "1e99"], /whole number/u],
      [["--mixture", "amc=.5"], /names amc/u],
      [["--mixture", "amc"], /no share/u],
    ] as const) {
      const { exitCode, stderr } = await sctir(["leaderboard", run("whole"), ...args]);
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
  });
});

describe("sctir vote by another rule", () => {
  it("votes and scores again, and the run keeps the rule", async () => {
    const voted = run("voted");
    cpSync(run("whole"), voted, { recursive: true });
    const candidates = rowsOf(voted, "candidates.jsonl").map((row) => {
      const meta = { ...(row.meta as object), mark: row.candidate === 5 ? 9 : 1 };
      return `${JSON.stringify({ ...row, meta })}\n`;
    });
    writeFileSync(join(voted, "candidates.jsonl"), candidates.join(""));
    const before = rowsOf(voted, "votes.jsonl");
    const failed = await sctir(["vote", voted, "--rule", "best-of-n"]);
    expect([failed.exitCode, failed.stderr]).toEqual([2, expect.stringContaining("no number at meta.score")]);
    expect(rowsOf(voted, "votes.jsonl")).toEqual(before);
    expect(jsonOf(voted, "manifest.json")).toMatchObject({ config: { vote: { rule: "majority" } } });

    const { exitCode, stdout } = await sctir(["vote", voted, "--rule", "best-of-n", "--score", "meta.mark"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("problems");
    const fifth = new Map(
      rowsOf(voted, "candidates.jsonl")
        .filter(({ candidate }) => candidate === 5)
        .map(({ problemId, answer }) => [problemId, answer]),
    );
    for (const { problemId, answer, rule } of rowsOf(voted, "votes.jsonl")) {
      expect(rule).toBe("best-of-n by meta.mark, ties: first-seen");
      if (fifth.get(problemId) !== undefined) expect(answer).toBe(fifth.get(problemId));
    }
    expect(jsonOf(voted, "manifest.json")).toMatchObject({ config: { vote: { rule: "best-of-n" } } });
    expect((await sctir(["verify", voted])).exitCode).toBe(0);
  });

  it("counts shared ties in part", async () => {
    const shared = run("shared");
    cpSync(run("whole"), shared, { recursive: true });
    const { exitCode } = await sctir(["vote", shared, "--ties", "expected"]);
    expect(exitCode).toBe(0);
    const credits = rowsOf(shared, "verdicts.jsonl").map(({ correct, meta }) => {
      return (meta as { credit?: number } | undefined)?.credit ?? Number(correct);
    });
    const { all } = jsonOf(shared, "summary.json") as { all: { accuracy: { estimate: number } } };
    expect(all.accuracy.estimate).toBeCloseTo(credits.reduce((sum, each) => sum + each, 0) / credits.length, 12);
  });
});
