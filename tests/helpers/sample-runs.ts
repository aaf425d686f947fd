import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, vi } from "vitest";
import { command } from "../../pipeline/commands/run.ts";
import { UserError } from "../../pipeline/core/user-error.ts";
import { comparable, jsonOf, withoutTimes } from "./run-files.ts";

export const derivedFiles = ["problems", "selected", "rejected", "candidates", "votes", "verdicts"].map(
  (name) => `${name}.jsonl`,
);

export interface RunEnded {
  stdout: string;
  stderr: string;
  error: UserError | undefined;
}

interface RunOptions {
  repair?: boolean;
  set?: string[];
}

/** `sctir run` within this process, which takes a tenth of the time. */
export async function runInProcess(config: string, out: string, options: RunOptions = {}): Promise<RunEnded> {
  const printed = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += text;
      return true;
    }),
  );
  const settings = { config, out, set: [], json: true, repair: false, unsafePython: false, ...options };
  try {
    await command.handler(settings as never);
    return { ...printed, error: undefined };
  } catch (error) {
    if (error instanceof UserError) return { ...printed, error };
    throw error;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs of the sample set on recorded traces and programs: a turn that is made again is the same turn. */
export class SampleRuns {
  readonly folder: string;
  readonly config: string;
  /** A run that nothing happened to. */
  readonly whole: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.config = join(folder, "config.yaml");
    this.whole = join(folder, "whole");
  }

  static async make(): Promise<SampleRuns> {
    const runs = new SampleRuns(await mkdtemp(join(tmpdir(), "sctir-sample-")));
    const recordings = fileURLToPath(new URL("../../datasets/sample/recordings.jsonl", import.meta.url));
    const settings = {
      problems: [{ set: "sample", take: 4 }],
      profile: "tir",
      engine: { kind: "replay", recordings: [recordings] },
      sampling: { width: 4, depth: 4, seed: 42 },
    };
    const executed = join(runs.folder, "executed");
    await writeFile(runs.config, JSON.stringify(settings));
    const first = await runs.run(executed);
    const timing = { card: "t4x2-deepseekmath-7b-gptq8", python: "recorded" };
    const engine = { kind: "replay", recordings: [executed], timing };
    await writeFile(runs.config, JSON.stringify({ ...settings, engine }));
    const second = await runs.run(runs.whole);
    for (const { error } of [first, second]) if (error) throw error;
    return runs;
  }

  run(out: string, options: RunOptions = {}): Promise<RunEnded> {
    return runInProcess(this.config, out, options);
  }

  /** A copy of the whole run. */
  async copy(out: string): Promise<string> {
    await cp(this.whole, out, { recursive: true });
    return out;
  }

  /** A copy as it was in the midst of generation, with so many turns [all]. */
  async unfinished(out: string, change: object = {}): Promise<string> {
    await this.copy(out);
    for (const name of [...derivedFiles.slice(3), "summary.json"]) await rm(join(out, name));
    const { stages, ...manifest } = jsonOf(out, "manifest.json") as { stages: Record<string, unknown> };
    const { load, filter } = stages;
    const changed = { ...manifest, state: "running", stages: { load, filter }, ...change };
    await writeFile(join(out, "manifest.json"), JSON.stringify(changed));
    return out;
  }

  /** Times aside, and what the engine's cache happened to hold. */
  expectWhole(out: string): void {
    const rows = (directory: string, file: string) =>
      comparable(directory, file).map((row) => row.replace(/,"cached":\d+/u, ""));
    for (const file of ["turns.jsonl", ...derivedFiles]) {
      expect(rows(out, file), file).toEqual(rows(this.whole, file));
    }
    const summary = { ...jsonOf(this.whole, "summary.json"), runId: jsonOf(out, "manifest.json").runId };
    expect(withoutTimes(jsonOf(out, "summary.json"))).toEqual(withoutTimes(summary));
    expect(jsonOf(out, "manifest.json").state).toBe("complete");
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
