import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyDirectory } from "../../pipeline/commands/verify.ts";
import type { CheckReport, Fault } from "../../pipeline/core/verification.ts";
import { generatedRun } from "../helpers/generated-run.ts";
import { type Asker, answering, code, type Said } from "../helpers/generation.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";

const verify = (directory: string) =>
  verifyDirectory(directory, {
    ...{ rerunPython: false, strict: false, unsafePython: false, faults: 50 },
    stopping: new AbortController().signal,
  });

/** What it finds, without the bytes. */
async function faultsOf(directory: string): Promise<Fault[]> {
  const { checks } = await verify(directory);
  return checks.flatMap(({ firstFaults }) => firstFaults.map(({ byte: _, ...fault }) => fault));
}

/** The same in candidates.jsonl alone: where nobody knows how a candidate ended, later files differ too. */
async function candidateFaults(directory: string): Promise<Fault[]> {
  return (await faultsOf(directory)).filter(({ file }) => file === "candidates.jsonl");
}

function checkOf(checks: readonly CheckReport[], start: string): CheckReport | undefined {
  return checks.find(({ check }) => check.startsWith(start));
}

/** By candidate: an answer at once, one after a program, none, one that is no integer, one that comes late, silence. */
function say({ candidate, turn }: Asker): Said {
  const texts = [
    answering(42),
    turn === 0 ? code : answering(41),
    "I do not know.",
    answering("1/2"),
    turn < 2 ? code : answering(42),
  ];
  const text = texts[candidate];
  return text === undefined ? "hangs" : { text, seconds: 1 + candidate };
}

const config = { sampling: { width: 6, depth: 4 }, budget: { problemSeconds: 14 } };
const ordinary = () => generatedRun({ problems: 2, config, say });

// biome-ignore lint/suspicious/noExplicitAny: rows of any artifact, changed in any way
type AnyRow = any;

function edit(directory: string, file: string, change: (lines: string[]) => string[]): void {
  const path = join(directory, file);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  writeFileSync(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(""),
  );
}

/** Changes the first row for which `isMeant` holds. Returns its line. */
function editRow(directory: string, file: string, isMeant: (row: AnyRow) => boolean, change: (row: AnyRow) => void) {
  const index = rowsOf(directory, file).findIndex(isMeant);
  edit(directory, file, (lines) => {
    const row = JSON.parse(lines[index] ?? "");
    change(row);
    return lines.with(index, JSON.stringify(row));
  });
  return index + 1;
}

function editJson(directory: string, file: string, change: (value: AnyRow) => void): void {
  const value = jsonOf(directory, file);
  change(value);
  writeFileSync(join(directory, file), JSON.stringify(value));
}

const swap = (lines: string[]) => [lines[1] ?? "", lines[0] ?? "", ...lines.slice(2)];
const repeatFirst = (lines: string[]) => [...lines, lines[0] ?? ""];
const isTurn = (candidate: number, turn: number) => (row: AnyRow) => row.candidate === candidate && row.turn === turn;
const isCandidate = (candidate: number) => (row: AnyRow) => row.candidate === candidate;

describe("verify finds nothing wrong with", () => {
  it("a run whose time ran out, and says what it takes on trust", async () => {
    const { holds, checks } = await verify(await ordinary());
    expect(checks.flatMap(({ firstFaults }) => firstFaults)).toEqual([]);
    expect(holds).toBe(true);
    expect(checkOf(checks, "candidates.jsonl")).toMatchObject({ held: 8, onTrust: 4, notes: ["4 ended as budget"] });
    expect(checkOf(checks, "problem files")).toMatchObject({
      notChecked: 1,
      notes: ["/nowhere/gone.jsonl is no longer there"],
    });
    expect(checkOf(checks, "problems.jsonl")).toMatchObject({ held: 0, onTrust: 2 });
    expect(checkOf(checks, "summary.json")?.held).toBeGreaterThan(100);
  });

  it("a run with replicates, sessions and votes that were decided early", async () => {
    const directory = await generatedRun({
      problems: 3,
      config: { sampling: { width: 9, replicates: 2 }, earlyStop: "certain", python: { state: "session" } },
      say: ({ candidate, turn }) => ({ text: turn < candidate % 3 ? code : answering(42), seconds: 1 + candidate }),
    });
    const { holds, checks } = await verify(directory);
    expect(holds).toBe(true);
    expect(checkOf(checks, "candidates.jsonl")?.notes).toEqual([expect.stringMatching(/^\d+ ended as decided$/u)]);
  });

  it("a run of another version that told less", async () => {
    const directory = await ordinary();
    editJson(directory, "summary.json", ({ all }) => void delete all.waste);
    editRow(directory, "candidates.jsonl", isCandidate(1), (row) => void delete row.meta);
    expect(await faultsOf(directory)).toMatchObject([
      { file: "candidates.jsonl", field: "meta.lastExecution", found: "nothing" },
      { file: "summary.json", field: "all.waste", found: "nothing" },
    ]);
    editJson(directory, "manifest.json", (manifest) => {
      manifest.tool = { version: "0.0.0", commit: null };
      manifest.configHash = "of other keys";
    });
    const { holds, checks } = await verify(directory);
    expect(holds).toBe(true);
    expect(checkOf(checks, "manifest.json: config")?.onTrust).toBe(2);
    expect(checkOf(checks, "summary.json")?.notes).toEqual(["figures that the version which wrote it did not tell"]);
  });
});

describe("verify finds", () => {
  it("a changed answer, and blames no later file for it", async () => {
    const directory = await ordinary();
    const line = editRow(directory, "candidates.jsonl", isCandidate(0), (row) => Object.assign(row, { answer: "41" }));
    expect(await faultsOf(directory)).toEqual([
      {
        ...{ file: "candidates.jsonl", line, row: "set/p0:0:0", field: "answer" },
        ...{ expected: '"42" (turns.jsonl, line 1)', found: '"41"' },
      },
    ]);
  });

  it("a changed text, by what no longer follows from it", async () => {
    const directory = await ordinary();
    editRow(directory, "turns.jsonl", isTurn(0, 0), (row) => Object.assign(row, { text: answering(17) }));
    const faults = await faultsOf(directory);
    expect(faults.filter(({ file }) => file === "candidates.jsonl")).toMatchObject([
      { row: "set/p0:0:0", field: "rawAnswer", expected: '"17" (turns.jsonl, line 1)', found: '"42"' },
      { row: "set/p0:0:0", field: "answer", expected: '"17" (turns.jsonl, line 1)', found: '"42"' },
    ]);
    expect(new Set(faults.map(({ file }) => file))).toContain("votes.jsonl");
  });

  it("a program that the text does not have", async () => {
    const directory = await ordinary();
    const line = editRow(directory, "turns.jsonl", isTurn(1, 0), (row) => {
      row.text = row.text.replace("print(42)", "print(43)");
    });
    expect(await faultsOf(directory)).toMatchObject([
      { file: "turns.jsonl", line, row: "set/p0:0:1, turn 0", field: "code", expected: '"\\nprint(43)\\n"' },
    ]);
  });

  it("an execution that is missing, and one that nobody asked for", async () => {
    const directory = await ordinary();
    const { execution } = rowsOf(directory, "turns.jsonl").find(isTurn(1, 0)) as AnyRow;
    editRow(directory, "turns.jsonl", isTurn(1, 0), (row) => void delete row.execution);
    editRow(directory, "turns.jsonl", isTurn(0, 0), (row) => Object.assign(row, { execution }));
    const faults = (await faultsOf(directory)).filter(({ file }) => file === "turns.jsonl");
    expect(faults).toMatchObject([
      { row: "set/p0:0:0, turn 0", field: "execution", expected: "nothing" },
      { row: "set/p0:0:1, turn 0", field: "execution", found: "nothing" },
    ]);
  });

  it("a turn that was dropped from within a trace", async () => {
    const directory = await ordinary();
    const index = rowsOf(directory, "turns.jsonl").findIndex(isTurn(1, 0));
    edit(directory, "turns.jsonl", (lines) => lines.toSpliced(index, 1));
    const faults = await faultsOf(directory);
    expect(faults).toContainEqual({
      ...{ file: "turns.jsonl", line: expect.any(Number), row: "set/p0:0:1, turn 1", field: "turn" },
      ...{ expected: "0", found: "1" },
    });
    expect(faults).toContainEqual({
      ...{ file: "manifest.json", field: "stages.generate.turns" },
      ...{ expected: expect.stringContaining("rows of turns.jsonl"), found: expect.any(String) },
    });
  });

  it("a turn that was dropped from the end of a trace", async () => {
    const directory = await ordinary();
    const index = rowsOf(directory, "turns.jsonl").findIndex(isTurn(1, 1));
    edit(directory, "turns.jsonl", (lines) => lines.toSpliced(index, 1));
    expect(await faultsOf(directory)).toContainEqual({
      ...{ file: "candidates.jsonl", line: 2, row: "set/p0:0:1", field: "turns" },
      ...{ expected: expect.stringMatching(/^1 \(turns\.jsonl, line \d+\)$/u), found: "2" },
    });
  });

  it("turns of a candidate in another order", async () => {
    const directory = await ordinary();
    edit(directory, "turns.jsonl", (lines) => lines.toReversed());
    const faults = (await faultsOf(directory)).filter(({ file }) => file === "turns.jsonl");
    expect(faults).toContainEqual(expect.objectContaining({ row: "set/p0:0:1, turn 1", expected: "0", found: "1" }));
    // Those of one turn alone may stand anywhere.
    expect(faults.some(({ row }) => row?.startsWith("set/p0:0:0"))).toBe(false);
  });

  it("a turn after the end of a trace", async () => {
    const directory = await ordinary();
    const row = rowsOf(directory, "turns.jsonl").find(isTurn(0, 0));
    appendFileSync(join(directory, "turns.jsonl"), `${JSON.stringify({ ...row, turn: 1 })}\n`);
    expect(await faultsOf(directory)).toContainEqual(
      expect.objectContaining({
        file: "turns.jsonl",
        expected: "none: the candidate's trace has ended",
        found: "turn 1",
      }),
    );
  });

  it("a wrong seed, and a request of another turn", async () => {
    const directory = await ordinary();
    editRow(directory, "turns.jsonl", isTurn(0, 0), (row) => Object.assign(row, { seed: row.seed + 1 }));
    const line = editRow(directory, "turns.jsonl", isTurn(1, 0), (row) =>
      Object.assign(row, { requestId: "set/p0:0:1:1:0" }),
    );
    expect(await faultsOf(directory)).toMatchObject([
      { file: "turns.jsonl", line: 1, row: "set/p0:0:0, turn 0", field: "seed" },
      {
        file: "turns.jsonl",
        line,
        field: "requestId",
        expected: '"set/p0:0:1:0:<attempt>"',
        found: '"set/p0:0:1:1:0"',
      },
    ]);
  });

  it("another winner of a vote, and blames no verdict for it", async () => {
    const directory = await ordinary();
    editRow(
      directory,
      "votes.jsonl",
      () => true,
      (row) => Object.assign(row, { answer: "41" }),
    );
    expect(await faultsOf(directory)).toEqual([
      { file: "votes.jsonl", line: 1, row: "set/p0:0", field: "answer", expected: '"42"', found: '"41"' },
    ]);
  });

  it("an edited verdict", async () => {
    const directory = await ordinary();
    editRow(
      directory,
      "verdicts.jsonl",
      () => true,
      (row) => Object.assign(row, { correct: !row.correct }),
    );
    expect(await faultsOf(directory)).toMatchObject([{ file: "verdicts.jsonl", line: 1, field: "correct" }]);
  });

  it("an edited number in the summary, however little it differs", async () => {
    const directory = await ordinary();
    editJson(directory, "summary.json", ({ all }) => {
      all.accuracy.intervals[0].high += Number.EPSILON;
      all.tokens.completion += 1;
    });
    expect((await faultsOf(directory)).map(({ file, field }) => `${file}: ${field}`)).toEqual([
      "summary.json: all.accuracy.intervals.0.high",
      "summary.json: all.tokens.completion",
    ]);
  });

  it.each(["selected.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"])(
    "two rows of %s swapped",
    async (file) => {
      const directory = await ordinary();
      edit(directory, file, swap);
      expect(await faultsOf(directory)).toMatchObject([{ file, line: 2, found: "it here" }]);
    },
  );

  it.each([
    ...["problems.jsonl", "selected.jsonl", "turns.jsonl"],
    ...["candidates.jsonl", "votes.jsonl", "verdicts.jsonl"],
  ])("a row of %s that is there twice", async (file) => {
    const directory = await ordinary();
    edit(directory, file, repeatFirst);
    const [fault] = (await faultsOf(directory)).filter((each) => each.file === file);
    expect(fault).toMatchObject({
      line: rowsOf(directory, file).length,
      found: expect.stringMatching(/another one|once more/u),
    });
  });

  it.each(["selected.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"])(
    "a row that %s lacks",
    async (file) => {
      const directory = await ordinary();
      edit(directory, file, (lines) => lines.slice(1));
      expect(await faultsOf(directory)).toContainEqual(
        expect.objectContaining({ file, row: expect.stringContaining("set/p0"), found: "none" }),
      );
    },
  );

  it("rows of problems and candidates that the run does not have", async () => {
    const directory = await ordinary();
    const [candidate] = rowsOf(directory, "candidates.jsonl");
    const strangers = [{ problemId: "set/p9" }, { candidate: 6 }, { replicate: 1 }];
    for (const stranger of strangers) {
      appendFileSync(join(directory, "candidates.jsonl"), `${JSON.stringify({ ...candidate, ...stranger })}\n`);
    }
    expect(await faultsOf(directory)).toMatchObject([
      { file: "manifest.json", field: "stages.generate.candidates", expected: "15 (rows of candidates.jsonl)" },
      { file: "candidates.jsonl", line: 13, expected: "a problem of selected.jsonl" },
      { file: "candidates.jsonl", line: 14, expected: "candidates below 6" },
      { file: "candidates.jsonl", line: 15, expected: "replicates below 1" },
    ]);
  });

  it("a gold answer that is not the published one", async () => {
    const directory = await ordinary();
    editRow(
      directory,
      "selected.jsonl",
      () => true,
      (row) => Object.assign(row, { answer: "41" }),
    );
    expect(await faultsOf(directory)).toEqual([
      { file: "selected.jsonl", line: 1, row: "set/p0", field: "answer", expected: '"42"', found: '"41"' },
    ]);
  });

  it("a forged count and a config that is not the one of the hash", async () => {
    const directory = await ordinary();
    editJson(directory, "manifest.json", ({ stages, config }) => {
      stages.vote.votes = 3;
      config.sampling.temperature = 0;
    });
    expect(await faultsOf(directory)).toMatchObject([
      { file: "manifest.json", field: "configHash" },
      { file: "manifest.json", field: "stages.vote.votes", expected: "2 (rows of votes.jsonl)", found: "3" },
    ]);
  });

  it("an end that this run cannot have had", async () => {
    const directory = await ordinary();
    const line = editRow(directory, "candidates.jsonl", isCandidate(5), (row) =>
      Object.assign(row, { outcome: "decided" }),
    );
    expect(await candidateFaults(directory)).toMatchObject([
      {
        file: "candidates.jsonl",
        line,
        field: "outcome",
        expected: expect.stringContaining("no early stop"),
        found: "decided",
      },
    ]);
    editRow(directory, "candidates.jsonl", isCandidate(5), (row) => Object.assign(row, { outcome: "no-answer" }));
    expect(await candidateFaults(directory)).toMatchObject([
      {
        file: "candidates.jsonl",
        line,
        field: "outcome",
        expected: expect.stringContaining("no turn in turns.jsonl"),
        found: "no-answer",
      },
    ]);
  });

  it("candidates that were called off although they could have changed the vote", async () => {
    const directory = await generatedRun({
      problems: 1,
      config: { sampling: { width: 3 }, earlyStop: "certain" },
      say: ({ candidate }) => ({ text: answering(candidate === 0 ? 42 : 41), seconds: 1 + candidate }),
    });
    expect(await faultsOf(directory)).toEqual([]);
    // Both that said 41 are hushed up: their turns are gone, and 42 wins.
    edit(directory, "turns.jsonl", (lines) => lines.filter((line) => !line.includes("boxed{41}")));
    for (const candidate of [1, 2]) {
      editRow(directory, "candidates.jsonl", isCandidate(candidate), (row) => {
        Object.assign(row, { outcome: "decided", turns: 0, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 });
        delete row.answer;
        delete row.rawAnswer;
      });
    }
    expect(await faultsOf(directory)).toContainEqual(
      expect.objectContaining({ file: "candidates.jsonl", row: "set/p0:0", field: "outcome" }),
    );
  });

  it("rows that are none, and still looks at the others", async () => {
    const directory = await ordinary();
    editRow(
      directory,
      "votes.jsonl",
      () => true,
      (row) => Object.assign(row, { answer: 42 }),
    );
    appendFileSync(join(directory, "verdicts.jsonl"), '{"problemId":"set/p1","rep');
    expect(await faultsOf(directory)).toMatchObject([
      {
        file: "votes.jsonl",
        line: 1,
        field: "answer",
        expected: expect.stringContaining("expected string"),
        found: "42",
      },
      { file: "verdicts.jsonl", line: 3, expected: "a whole line", found: "half a line of 26 bytes" },
    ]);
  });

  it("a row in another form than sctir's", async () => {
    const directory = await ordinary();
    edit(directory, "votes.jsonl", ([first = "", ...rest]) => [first.replace(":", ": "), ...rest]);
    expect(await faultsOf(directory)).toMatchObject([
      { file: "votes.jsonl", line: 1, found: "the same in another form" },
    ]);
  });

  it("a missing file of a run that says it is complete", async () => {
    const directory = await ordinary();
    rmSync(join(directory, "votes.jsonl"));
    expect(await faultsOf(directory)).toEqual([{ file: "votes.jsonl", expected: "a file", found: "none" }]);
  });
});

describe("of what stands in rows, verify cannot tell apart", () => {
  it("only what has no consequence in any later file", async () => {
    const directory = await generatedRun({ problems: 1, config, say });
    const unnoticed = new Set<string>();
    const lines = { "turns.jsonl": [isTurn(0, 0), isTurn(4, 1)], "candidates.jsonl": [isCandidate(1), isCandidate(5)] };
    for (const [file, rows] of Object.entries({
      ...lines,
      "votes.jsonl": [() => true],
      "verdicts.jsonl": [() => true],
    })) {
      const whole = readFileSync(join(directory, file), "utf8");
      for (const isMeant of rows) {
        for (const path of leaves(rowsOf(directory, file).find(isMeant))) {
          editRow(directory, file, isMeant, (row) => change(row, path));
          const [first] = await faultsOf(directory);
          if (first === undefined) unnoticed.add(`${file}: ${path.join(".")}`);
          writeFileSync(join(directory, file), whole);
        }
      }
    }
    expect([...unnoticed].toSorted()).toEqual([
      "candidates.jsonl: meta.lostMilliseconds", // a millisecond more
      "turns.jsonl: execution.cpuMilliseconds",
      "turns.jsonl: execution.output", // unless the program is run again
      "turns.jsonl: execution.outputBytes",
      "turns.jsonl: execution.peakMemoryMiB",
      "turns.jsonl: startedAt", // a millisecond more
      "turns.jsonl: stopString", // the text ends in it
      "turns.jsonl: text", // a letter at the end
    ]);
  });
});

function leaves(value: AnyRow, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function change(row: AnyRow, path: string[]): void {
  const last = path.at(-1) ?? "";
  const target = path.slice(0, -1).reduce((inner, key) => inner[key], row);
  const value = target[last];
  target[last] = typeof value === "number" ? value + 1 : typeof value === "boolean" ? !value : `${value}x`;
}
