import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newMarker } from "../adapters/sandbox/processes-by-marker.ts";
import { filesIn, holderOf, reached } from "../helpers/kill-storm-aims.ts";
import { dwelling } from "../helpers/kill-storm-hold.ts";
import {
  type AdoptedOptions,
  type AdoptedRun,
  canAdopt,
  endProcess,
  launcher,
  startAdoptedSctir,
} from "../helpers/kill-storm-process.ts";
import { writeWorkload } from "../helpers/kill-storm-workload.ts";
import { jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine, until } from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("an interruption", () => {
  it("before generation ends the run like one within it, with a command that a shell takes", async () => {
    const server = await startScriptedEngine(() => ({ text: "The answer is $\\boxed{42}$.", delayMilliseconds: 200 }));
    try {
      const folder = await temporaryFolder();
      const out = join(folder, "my run");
      const config = await writeConfig(folder, [{ id: "a", problem: "6 times 7?", answer: "42" }], server.baseUrl, {
        strategy: "cot",
        profile: "cot",
      });
      const args = ["run", config, "--out", out, "--set", "schedule={concurrency: 1}"];
      const running = startSctir(args);
      await until(() => existsSync(join(out, "run.lock")));
      running.kill("SIGINT");
      const ended = await running;
      expect(ended.exitCode).toBe(130);
      expect(ended.stderr).toContain(`sctir run ${config} --out '${out}' --set 'schedule={concurrency: 1}'`);
      expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
      expect(existsSync(join(out, "run.lock"))).toBe(false);
      expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    } finally {
      await server.close();
    }
  });
});

/** What a command leaves, whichever way it was interrupted: an exit code, no process, no stack trace. */
async function interruptedBy(run: AdoptedRun, interrupt: (pid: number) => unknown): Promise<string> {
  await interrupt(await run.pid);
  expect(await run.ended, run.output()).toBe(130);
  expect(await run.orphans()).toEqual([]);
  expect(run.output()).not.toMatch(/this is a bug|^ +at /mu);
  return run.output();
}

describe.skipIf(!canAdopt)("an interruption of a run with programs", () => {
  const marker = newMarker();
  let folder: string;
  let config: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sctir-interruption-"));
    config = await writeWorkload(folder, marker);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Waits until a program runs, or nothing any more. */
  const withinProgram = (end: Promise<unknown>) => {
    const over = new AbortController();
    void end.then(() => over.abort());
    const watched = { out: folder, pid: 0, marker, output: () => "" };
    return reached({ at: "program", milliseconds: 0 }, watched, false, over.signal);
  };

  /** A run within a program. */
  async function running(name: string, options: AdoptedOptions = {}) {
    const out = join(folder, name);
    const args = ["run", config, "--out", out];
    const run = startAdoptedSctir(args, options);
    await withinProgram(run.ended);
    return { run, out, args, rows: rowsOf(out, "turns.jsonl").length };
  }

  it("by SIGTERM lets a program finish and has it in the journal", async () => {
    const { run, out, args, rows } = await running("term");
    const output = await interruptedBy(run, (pid) => process.kill(pid, "SIGTERM"));
    expect(output).toContain("SIGTERM: finishing what has begun");
    expect(output).toContain(`Go on with: sctir ${args.join(" ")}`);
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
    expect(filesIn(out)).not.toContain("run.lock");
    expect(rowsOf(out, "turns.jsonl").length).toBeGreaterThan(rows);
  });

  it("by a second signal, of another kind too, ends it within a program", async () => {
    const { run } = await running("twice");
    await interruptedBy(run, async (pid) => {
      process.kill(pid, "SIGINT");
      process.kill(pid, "SIGTERM");
    });
  });

  it("by Ctrl-C in a terminal says how to go on", async () => {
    const { run, args } = await running("ctrl-c", { terminal: true });
    const output = await interruptedBy(run, () => run.type("\x03"));
    expect(output).toContain(`Go on with: sctir ${args.join(" ")}`);
  });

  it("by a terminal that is closed keeps what finished, and the run goes on from there", async () => {
    const { run, out, args, rows } = await running("closed", { terminal: true });
    await interruptedBy(run, () => run.closeTerminal());
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
    expect(rowsOf(out, "turns.jsonl").length).toBeGreaterThan(rows);
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
  });

  it("is not what SIGHUP is to a run without a terminal, as under nohup, nor the loss of its reader", async () => {
    const out = join(folder, "nohup");
    const script = '{ nohup "$0" "$1" run "$2" --out "$3"; echo "$?" > "$3/exit"; } 2>&1 </dev/null | head -1';
    const shell = execa("bash", ["-c", script, process.execPath, launcher, config, out]);
    await withinProgram(shell);
    const holder = holderOf(out);
    if (holder === undefined) throw new Error("Nobody holds the run.");
    process.kill(holder, "SIGHUP");
    const { stdout, stderr } = await shell;
    expect(stdout).toContain("load: 8 problems");
    expect(stderr).toBe("");
    expect(jsonOf(out, "exit")).toBe(0);
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete" });
  });

  /** Interrupts a command while it writes a file. */
  async function interruptedAt(file: string, args: readonly string[]): Promise<string> {
    const run = startAdoptedSctir(args, { hold: { name: file, milliseconds: 700 } });
    let isOver = false;
    void run.ended.then(() => {
      isOver = true;
    });
    await until(() => isOver || run.output().includes(dwelling));
    return interruptedBy(run, (pid) => endProcess(pid, "SIGINT"));
  }

  it("ends a run in any of its stages, and a stage that is a command of its own; the same command goes on", async () => {
    const out = join(folder, "stages");
    const args = ["run", config, "--out", out];
    for (const file of ["problems.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(await interruptedAt(file, args), file).toContain(`Go on with: sctir ${args.join(" ")}`);
      expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
      expect(filesIn(out)).toContain(file);
    }
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete" });

    const whole = filesIn(out).sort();
    const stages = { load: "problems.jsonl", filter: "selected.jsonl", vote: "votes.jsonl", score: "verdicts.jsonl" };
    for (const [stage, file] of Object.entries(stages)) {
      expect(await interruptedAt(file, [stage, out]), stage).toContain(`Go on with: sctir ${stage} ${out}`);
      expect(filesIn(out).sort()).toEqual(whole);
    }
  }, 600_000);
});
