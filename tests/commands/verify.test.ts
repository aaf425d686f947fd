import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunVerification, verifyDirectory } from "../../pipeline/commands/verify.ts";
import { page } from "../docs/pages.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** Directories of real runs, their programs really executed, checked as a user would. */

const replay = fileURLToPath(new URL("../../configs/replay.yaml", import.meta.url));
const size = ["--set", "problems.0.take=3", "--set", "sampling.width=4"];
const card = "t4x2-deepseekmath-7b-gptq8";

let folder = "";
const runOf = (name: string) => join(folder, name);
const run = (name: string, ...more: string[]) => sctir(["run", replay, "--out", runOf(name), ...size, ...more]);

/** What the command prints as JSON. */
const verify = (directory: string, options: { rerunPython?: boolean; strict?: boolean } = {}) =>
  verifyDirectory(directory, {
    ...{ rerunPython: false, strict: false, unsafePython: false, faults: 5 },
    ...{ ...options, stopping: new AbortController().signal },
  });

const checkOf = ({ checks }: RunVerification, start: string) => checks.find(({ check }) => check.startsWith(start));
const faultsOf = ({ checks }: RunVerification) => checks.flatMap(({ firstFaults }) => firstFaults);

/** A copy of a run, to be changed. */
async function copyOf(name: string): Promise<string> {
  const copy = join(await temporaryFolder(), "copy");
  await cp(runOf(name), copy, { recursive: true });
  return copy;
}

/** Puts the journal back to its first lines and half a line more, and takes away all that came after it. */
function interrupt(directory: string, lines: number): void {
  for (const file of ["candidates.jsonl", "votes.jsonl", "verdicts.jsonl", "summary.json"])
    rmSync(join(directory, file));
  const path = join(directory, "turns.jsonl");
  const kept = readFileSync(path, "utf8")
    .split("\n")
    .slice(0, lines + 1);
  writeFileSync(path, kept.join("\n").slice(0, -20));
  const { stages, ...manifest } = jsonOf(directory, "manifest.json") as { stages: Record<string, object> };
  const { load, filter } = stages;
  writeFileSync(
    join(directory, "manifest.json"),
    JSON.stringify({ ...manifest, state: "running", stages: { load, filter } }),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sctir-verify-"));
  expect(await run("measured", "--set", `engine.timing.card=${card}`)).toMatchObject({ exitCode: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("sctir verify", () => {
  it("holds for a complete run, in a table and in JSON, and writes nothing", async () => {
    const contents = () =>
      readdirSync(runOf("measured")).map((name) => [name, statSync(join(runOf("measured"), name)).mtimeMs]);
    const before = contents();
    const ended = await sctir(["verify", runOf("measured")]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Everything holds.") });
    expect(ended.stdout).toMatch(/^candidates\.jsonl: by the journal +12$/mu);
    const json = await sctir(["verify", runOf("measured"), "--json"]);
    const verified = JSON.parse(json.stdout) as RunVerification;
    expect(verified.checks).toEqual((await verify(runOf("measured"))).checks);
    expect(verified.holds).toBe(true);
    const turns = rowsOf(runOf("measured"), "turns.jsonl").length;
    expect(checkOf(verified, "turns.jsonl: seeds")).toMatchObject({ held: turns, faults: 0 });
    expect(checkOf(verified, "problem files")).toMatchObject({ held: 1 });
    expect(contents()).toEqual(before);
    const documented = Array.from(page("verify.md").matchAll(/^([\w. ]+: .*?) {2,}\d+$/gmu), ([, name]) => name);
    const names = verified.checks.map(({ check }) => check);
    expect(names.filter((name) => !name.startsWith("rejected.jsonl"))).toEqual(documented); // nothing is rejected there
  });

  it("names what was changed, and exits with 1", async () => {
    const copy = await copyOf("measured");
    const path = join(copy, "votes.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"answer":"351"', '"answer":"352"'));
    const ended = await sctir(["verify", copy]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toMatch(
      /^votes\.jsonl, line 1 \(byte 0\): sample\/\S+: answer: expected "351", found "352"$/mu,
    );
    expect(ended.stdout).toContain("Not everything follows from the journal: 1 fault.");
  });

  it("reads the problem files again, and tells what is not as it was there", async () => {
    const copy = await copyOf("measured");
    const path = join(copy, "problems.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"gold":"351"', '"gold":"352"'));
    expect(faultsOf(await verify(copy))).toMatchObject([
      { file: "problems.jsonl", line: 1, field: "gold", expected: '"351"', found: '"352"' },
    ]);
    const { datasets, ...manifest } = jsonOf(copy, "manifest.json") as { datasets: [object] };
    const forged = { ...manifest, datasets: [{ ...datasets[0], sha256: "0".repeat(64) }] };
    writeFileSync(join(copy, "manifest.json"), JSON.stringify(forged));
    expect(faultsOf(await verify(copy))[0]).toMatchObject({ file: "manifest.json", row: "sample", field: "sha256" });
  });

  it("lists so many faults as asked for, and counts the others", async () => {
    const copy = await copyOf("measured");
    const path = join(copy, "turns.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/"seed":\d+/gu, '"seed":1'));
    const { stdout } = await sctir(["verify", copy, "--faults", "2"]);
    expect(stdout.match(/expected \d+, found 1$/gmu)).toHaveLength(2);
    expect(stdout).toContain(`… and ${rowsOf(copy, "turns.jsonl").length - 2} more`);
  });

  it("holds for a run midway, says what is not there, and holds once that has gone on to its end", async () => {
    const copy = await copyOf("measured");
    interrupt(copy, 9);
    const midway = await verify(copy);
    expect(faultsOf(midway)).toEqual([]);
    expect(midway.holds).toBe(true);
    expect(midway.notes).toContain("The run is not complete.");
    expect(checkOf(midway, "turns.jsonl: rows")).toMatchObject({
      ...{ held: 9, notChecked: 1, notes: [expect.stringMatching(/^half a line of \d+ bytes at the end/u)] },
    });
    expect(checkOf(midway, "candidates.jsonl")?.notes).toContain("candidates.jsonl is not there");

    const set = ["--set", `engine.timing.card=${card}`];
    expect(await sctir(["run", replay, "--out", copy, ...size, ...set])).toMatchObject({ exitCode: 0 });
    const whole = await verify(copy);
    expect(faultsOf(whole)).toEqual([]);
    expect(checkOf(whole, "candidates.jsonl")).toMatchObject({ held: 12 });
  });

  it("holds for a run with a time limit and early stops that goes on after an answer", async () => {
    const timing = { kind: "replay", recordings: [runOf("measured")], timing: { card, python: "recorded" } };
    const settings = ["profile=numina-tir", "budget.problemSeconds=25", "earlyStop=certain", "schedule.concurrency=3"];
    const set = [`engine=${JSON.stringify(timing)}`, ...settings].flatMap((each) => ["--set", each]);
    expect(await run("limited", ...set)).toMatchObject({ exitCode: 0 });
    const { ledger } = jsonOf(runOf("limited"), "summary.json").all as { ledger: Record<string, number> };
    expect(ledger.budget).toBeGreaterThan(0);
    const verified = await verify(runOf("limited"));
    expect(faultsOf(verified)).toEqual([]);
    expect(checkOf(verified, "candidates.jsonl")?.onTrust).toBeGreaterThanOrEqual(ledger.budget ?? 0);
  });

  it("checks artifacts made by hand under the defaults", async () => {
    const directory = join(await temporaryFolder(), "by-hand");
    await mkdir(directory);
    const write = (file: string, rows: object[]) =>
      writeFileSync(join(directory, file), rows.map((row) => `${JSON.stringify(row)} \n`).join(""));
    const ended = { replicate: 0, turns: 1, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 };
    write("problems.jsonl", [{ problemId: "mine/one", set: "mine", statement: "What is $6 \\cdot 7$?", gold: "42.0" }]);
    write("candidates.jsonl", [
      { candidate: 1, problemId: "mine/one", outcome: "no-answer", ...ended },
      { candidate: 0, problemId: "mine/one", outcome: "answered", answer: "42", ...ended },
    ]);
    for (const stage of ["filter", "vote", "score"])
      expect(await sctir([stage, directory])).toMatchObject({ exitCode: 0 });
    const verified = await verify(directory);
    expect(faultsOf(verified)).toEqual([]);
    expect(checkOf(verified, "votes.jsonl")).toMatchObject({ held: 1 });
    expect(checkOf(verified, "turns.jsonl: rows")).toMatchObject({ notChecked: 1 });

    writeFileSync(
      join(directory, "votes.jsonl"),
      readFileSync(join(directory, "votes.jsonl"), "utf8").replaceAll("42", "43"),
    );
    expect(faultsOf(await verify(directory))).toMatchObject([
      { file: "votes.jsonl", field: "answer", expected: '"42"' },
      { file: "votes.jsonl", field: "tally.0.answer", expected: '"42"' },
    ]);
  });

  it("takes a manifest that cannot be read as a fault, and looks at what needs none", async () => {
    const copy = await copyOf("measured");
    writeFileSync(join(copy, "manifest.json"), "{");
    const verified = await verify(copy);
    expect(faultsOf(verified)).toEqual([{ file: "manifest.json", expected: "a JSON object", found: '"{"' }]);
    expect(checkOf(verified, "candidates.jsonl")).toMatchObject({ held: 12 });
    expect(checkOf(verified, "votes.jsonl")).toMatchObject({ held: 0, notChecked: 1 });
  });

  it("is used wrongly on a directory that is none, or has no artifacts", async () => {
    const empty = await temporaryFolder();
    expect(await sctir(["verify", join(empty, "nothing")])).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await sctir(["verify", empty])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no artifact"),
    });
    expect(await sctir(["verify", runOf("measured"), "--faults=-1"])).toMatchObject({ exitCode: 2 });
    expect(existsSync(join(empty, "nothing"))).toBe(false);
  });
});

describe("sctir verify --rerun-python", () => {
  it("runs every program again, in sessions too, to the same outputs", async () => {
    expect(await run("sessions", "--set", "python.state=session")).toMatchObject({ exitCode: 0 });
    const programs = rowsOf(runOf("sessions"), "turns.jsonl").filter(({ execution }) => execution !== undefined);
    const verified = await verify(runOf("sessions"), { rerunPython: true, strict: true });
    expect(faultsOf(verified)).toEqual([]);
    expect(checkOf(verified, "programs")).toMatchObject({ held: programs.length });
  });

  it("lists programs that print something else here, a fault only if that is asked for", async () => {
    const copy = await copyOf("measured");
    const index = rowsOf(copy, "turns.jsonl").findIndex(({ execution }) => execution !== undefined);
    const path = join(copy, "turns.jsonl");
    const lines = readFileSync(path, "utf8").split("\n");
    const row = JSON.parse(lines[index] ?? "");
    row.execution.output = "something else";
    writeFileSync(path, lines.with(index, JSON.stringify(row)).join("\n"));
    expect(await verify(copy)).toMatchObject({ holds: true }); // nothing else follows from it
    const verified = await verify(copy, { rerunPython: true });
    expect(verified.holds).toBe(true);
    const place = { line: index + 1, field: "execution.output", found: '"something else"' };
    expect(checkOf(verified, "programs")).toMatchObject({ onTrust: 1, faults: 0, firstDifferences: [place] });
    expect(faultsOf(await verify(copy, { rerunPython: true, strict: true }))).toMatchObject([place]);
  });

  it("stops at Ctrl-C", async () => {
    const copy = await copyOf("measured");
    const path = join(copy, "turns.jsonl");
    // Each program takes its whole time.
    writeFileSync(path, readFileSync(path, "utf8").replaceAll("```python\\n", "```python\\nwhile True: pass\\n"));
    const running = startSctir(["verify", copy, "--rerun-python"]);
    await new Promise((resolve) => running.stderr?.once("data", resolve)); // the first sign of progress
    running.kill("SIGINT");
    expect(await running).toMatchObject({
      exitCode: 130,
      stdout: "",
      stderr: expect.stringContaining("Nothing has been written"),
    });
  });
});
