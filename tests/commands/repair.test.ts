import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scoreCommand } from "../../pipeline/commands/stage-command.ts";
import { command as status } from "../../pipeline/commands/status.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { derivedFiles, SampleRuns } from "../helpers/sample-runs.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let runs: SampleRuns;
beforeAll(async () => {
  runs = await SampleRuns.make();
});
afterAll(() => runs.remove());

const copy = async () => runs.copy(join(await temporaryFolder(), "run"));
const unfinished = async () => runs.unfinished(join(await temporaryFolder(), "run"));
const run = (...args: Parameters<SampleRuns["run"]>) => runs.run(...args);
const expectWhole = (out: string) => runs.expectWhole(out);

type Lines = string[];

function editLines(out: string, file: string, edit: (lines: Lines) => Lines): void {
  const path = join(out, file);
  const lines = readFileSync(path, "latin1").split("\n").slice(0, -1);
  writeFileSync(
    path,
    edit(lines)
      .map((line) => `${line}\n`)
      .join(""),
    "latin1",
  );
}

/** The position of a turn's line. */
function lineOfTurn(lines: Lines, turn: number): number {
  return lines.findIndex((line) => JSON.parse(line).turn === turn);
}

const asides = (out: string) => readdirSync(out).filter((name) => name.includes("set-aside"));

describe("sctir run --repair of a journal", () => {
  const journalDamages: [name: string, edit: (lines: Lines) => Lines, message: RegExp, setAside: number][] = [
    ["a line overwritten", (lines) => lines.with(3, '{"problemId": "sam'), /line 4 \(byte \d+\): not JSON/u, 1],
    ["a blank line", (lines) => lines.toSpliced(5, 0, ""), /line 6 \(byte \d+\): blank/u, 1],
    ["NUL bytes in the middle", (lines) => lines.with(2, "\0".repeat(300)), /line 3 .*NUL bytes/u, 1],
    ["a field that is gone", (lines) => lines.with(0, lines[0]?.replace(/"seed":\d+,/u, "") ?? ""), /seed/u, 1],
    ["a bit that flipped", (lines) => lines.with(1, lines[1]?.replace("problemId", "problemI\xe4") ?? ""), /UTF-8/u, 1],
    ["a row twice", (lines) => [...lines, lines[0] ?? ""], /in line 1, the same in every byte/u, 1],
    [
      "another row for a turn",
      (lines) => [...lines, lines[0]?.replace(/"seed":\d+/u, '"seed":1') ?? ""],
      /in line 1, but not the same/u,
      1,
    ],
    [
      "a row of another run",
      (lines) => lines.with(4, lines[4]?.replaceAll("sample-", "simple-") ?? ""),
      /not in sel/u,
      1,
    ],
  ];

  it.each(journalDamages)(
    "sets aside %s, and makes the turns again that are missing",
    async (_, edit, message, count) => {
      for (const out of [await unfinished(), await copy()]) {
        editLines(out, "turns.jsonl", edit);
        const damaged = readFileSync(join(out, "turns.jsonl"), "latin1").split("\n");
        if (jsonOf(out, "manifest.json").state === "running") {
          const refused = await run(out);
          expect(refused.error?.message).toMatch(message);
          expect(refused.error?.hint).toContain(`\`sctir run CONFIG --out ${out} --repair\``);
          expect(readFileSync(join(out, "turns.jsonl"), "latin1").split("\n")).toEqual(damaged);
        }
        const repaired = await run(out, { repair: true });
        expect(repaired.error).toBeUndefined();
        expect(repaired.stderr).toMatch(message);
        expect(JSON.parse(repaired.stdout)).toMatchObject({ formatVersion: 1 });
        expectWhole(out);

        expect(asides(out)).toEqual(["turns.jsonl.set-aside-1", "turns.jsonl.set-aside-1.json"]);
        const note = jsonOf(out, "turns.jsonl.set-aside-1.json") as { lines: { line: number; reason: string }[] };
        const kept = readFileSync(join(out, "turns.jsonl.set-aside-1"), "latin1").split("\n").slice(0, -1);
        expect(note.lines.length).toBeGreaterThanOrEqual(count);
        expect(kept).toEqual(note.lines.map(({ line }) => damaged[line - 1]));
      }
    },
  );

  it("sets aside the later turns of a candidate with a bad one: they follow from nothing", async () => {
    const out = await unfinished();
    let later: Lines = [];
    editLines(out, "turns.jsonl", (lines) => {
      const second = lineOfTurn(lines, 1);
      const { problemId, candidate } = JSON.parse(lines[second] ?? "");
      const first = lines.findIndex((line) => {
        const row = JSON.parse(line);
        return row.problemId === problemId && row.candidate === candidate && row.turn === 0;
      });
      later = lines.filter((line) => {
        const row = JSON.parse(line);
        return row.problemId === problemId && row.candidate === candidate && row.turn > 0;
      });
      return lines.with(first, "lost");
    });
    const repaired = await run(out, { repair: true });
    expect(repaired.stderr).toMatch(/turn 1 comes before turn 0/u);
    expectWhole(out);
    const kept = readFileSync(join(out, "turns.jsonl.set-aside-1"), "utf8").split("\n").slice(0, -1);
    expect(kept).toEqual(["lost", ...later]);
  });

  it("makes again the turns that a journal of a complete run lacks", async () => {
    const out = await copy();
    editLines(out, "turns.jsonl", (lines) => lines.slice(0, -5));
    await run(out, { repair: true });
    expectWhole(out);
  });

  it("is what status and score advise, too, where they meet a bad line", async () => {
    const out = await copy();
    editLines(out, "turns.jsonl", (lines) => lines.with(1, "no row"));
    const advice = { message: expect.stringContaining("line 2"), hint: expect.stringContaining("--repair") };
    await expect(status.handler({ directory: out, json: true } as never)).rejects.toMatchObject(advice);
    await expect(scoreCommand.handler({ directory: out, set: [], json: true } as never)).rejects.toMatchObject(advice);
  });

  it("keeps what an earlier repair has set aside", async () => {
    const out = await unfinished();
    for (const garbage of ["first", "second"]) {
      editLines(out, "turns.jsonl", (lines) => [...lines, garbage]);
      expect((await run(out, { repair: true })).error).toBeUndefined();
    }
    expect(readFileSync(join(out, "turns.jsonl.set-aside-1"), "utf8")).toBe("first\n");
    expect(readFileSync(join(out, "turns.jsonl.set-aside-2"), "utf8")).toBe("second\n");
    expectWhole(out);
  });
});

describe("sctir run --repair of a derived file", () => {
  const damages: [name: string, edit: (text: string) => string][] = [
    ["cut off", (text) => text.slice(0, -20)],
    ["filled with NUL bytes", (text) => "\0".repeat(text.length)],
    ["holding a row twice", (text) => text + text.slice(0, text.indexOf("\n") + 1)],
    ["lacking a row", (text) => text.slice(text.indexOf("\n") + 1)],
  ];
  const files = derivedFiles.filter((name) => name !== "rejected.jsonl"); // the sample set has no row there

  it.each(files.flatMap((file) => damages.map(([name, edit]) => ({ file, name, edit }))))(
    "sets aside $file $name, and makes it again without an engine",
    async ({ file, edit }) => {
      const out = await copy();
      const damaged = edit(readFileSync(join(out, file), "utf8"));
      writeFileSync(join(out, file), damaged);
      const repaired = await run(out, { repair: true });
      expect(repaired.error).toBeUndefined();
      expect(repaired.stderr).toContain(`repair: ${join(out, file)}`);
      expect(repaired.stderr).not.toContain("generate: deepseek");
      expectWhole(out);
      expect(asides(out)).toEqual([`${file}.set-aside-1`, `${file}.set-aside-1.json`]);
      expect(readFileSync(join(out, `${file}.set-aside-1`), "utf8")).toBe(damaged);
      expect(jsonOf(out, `${file}.set-aside-1.json`)).toMatchObject({ file, reason: expect.stringContaining(file) });
    },
  );

  it("makes again what is missing, and a summary that is no summary", async () => {
    const out = await copy();
    for (const file of ["problems.jsonl", "candidates.jsonl", "verdicts.jsonl"]) await rm(join(out, file));
    writeFileSync(join(out, "summary.json"), "{}");
    const refused = await run(out);
    expect(refused.error).toMatchObject({
      message: expect.stringContaining("summary.json"),
      hint: expect.stringContaining("--repair"),
    });
    expect((await run(out, { repair: true })).error).toBeUndefined();
    expectWhole(out);
    expect(asides(out)).toEqual(["summary.json.set-aside-1", "summary.json.set-aside-1.json"]);
  });

  it("does not mix turns with problems that have changed since", async () => {
    const data = await temporaryFolder();
    const own = join(data, "own.jsonl");
    const problems = [{ set: "own", file: own, fields: { id: "id", statement: "problem", gold: "answer" } }];
    await writeFile(own, `${JSON.stringify({ id: "a", problem: "What is 1?", answer: "1" })}\n`);
    const out = join(data, "run");
    const set = [`problems=${JSON.stringify(problems)}`];
    await run(out, { set });
    await writeFile(join(out, "turns.jsonl"), "");
    await writeFile(own, `${JSON.stringify({ id: "a", problem: "What is 2?", answer: "2" })}\n`);
    await writeFile(join(out, "problems.jsonl"), "");
    for (let times = 0; times < 2; times += 1) {
      expect((await run(out, { set, repair: true })).error?.message).toContain(
        "own.jsonl is not the file that this run began with",
      );
    }
  });
});

describe("sctir run --repair of a manifest", () => {
  it.each([
    ["cut off", (text: string) => text.slice(0, text.length / 2)],
    ["of NUL bytes", (text: string) => "\0".repeat(text.length)],
    ["emptied", () => ""],
    ["without its stages", (text: string) => JSON.stringify({ ...JSON.parse(text), stages: undefined })],
  ])("that is %s makes it again from the config, and everything that it told of", async (_, edit) => {
    const out = await copy();
    const text = readFileSync(join(out, "manifest.json"), "utf8");
    const before = JSON.parse(text);
    const damaged = edit(text);
    writeFileSync(join(out, "manifest.json"), damaged);
    const refused = await run(out);
    expect(refused.error).toMatchObject({
      message: expect.stringContaining("manifest.json"),
      hint: expect.stringContaining("--repair"),
    });
    const oldest = new Date("2026-02-03T04:05:06.000Z");
    utimesSync(join(out, "problems.jsonl"), oldest, oldest);
    expect((await run(out, { repair: true })).error).toBeUndefined();
    expectWhole(out);
    const { createdAt, configHash, datasets } = before;
    expect(jsonOf(out, "manifest.json")).toMatchObject({
      ...{ configHash, datasets },
      createdAt: damaged.includes(createdAt) ? createdAt : oldest.toISOString(),
    });
    expect(await readFile(join(out, "manifest.json.set-aside-1"), "utf8")).toBe(damaged);
  });

  it("that is lost makes it again, which a run by itself refuses", async () => {
    const out = await copy();
    await rm(join(out, "manifest.json"));
    expect((await run(out)).error?.hint).toContain("--repair");
    expect((await run(out, { repair: true })).error).toBeUndefined();
    expectWhole(out);
  });

  it("refuses one of another config, and one of another version", async () => {
    const out = await copy();
    const text = readFileSync(join(out, "manifest.json"), "utf8");
    writeFileSync(join(out, "manifest.json"), text.slice(0, -30));
    const other = await run(out, { repair: true, set: ["sampling.width=3"] });
    expect(other.error?.message).toContain("holds a run of another config");
    const newer = text.replace('"formatVersion": 1', '"formatVersion": 2');
    writeFileSync(join(out, "manifest.json"), newer);
    expect((await run(out, { repair: true })).error?.hint).toContain("another version");
    expect(readFileSync(join(out, "manifest.json"), "utf8")).toBe(newer);
    expect(asides(out)).toEqual([]);
  });
});

describe("sctir run --repair", () => {
  it("says so where there is nothing to repair, and goes on", async () => {
    const fresh = join(await temporaryFolder(), "fresh");
    for (const out of [fresh, await unfinished(), await copy()]) {
      const ended = await run(out, { repair: true });
      expect(ended.error).toBeUndefined();
      expect(ended.stderr).toContain(`repair: nothing to repair in ${out}`);
      expectWhole(out);
      expect(asides(out)).toEqual([]);
    }
  });

  it("mends everything at once, and prints nothing but JSON on standard output", async () => {
    const out = await copy();
    for (const name of readdirSync(out)) writeFileSync(join(out, name), "damaged\n");
    const args = ["run", runs.config, "--out", out, "--json"];
    expect(await sctir(args)).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining("--repair") });
    const ended = await sctir([...args, "--repair"]);
    expect(ended.exitCode).toBe(0);
    expect(JSON.parse(ended.stdout)).toEqual(jsonOf(out, "summary.json"));
    expectWhole(out);
    for (const name of ["turns.jsonl", "manifest.json", ...derivedFiles]) {
      expect(readFileSync(join(out, `${name}.set-aside-1`), "utf8"), name).toBe("damaged\n");
      expect(existsSync(join(out, `${name}.set-aside-1.json`))).toBe(true);
    }
    expect(rowsOf(out, "turns.jsonl").length).toBeGreaterThan(16);
  });
});
