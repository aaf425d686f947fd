import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Summary } from "../../pipeline/artifacts/summary.ts";

/** How large the reproduction is. */
export interface Size {
  problems: number; // of the set `tiny` that checkpoints are compared on
  seedProblems: number; // and those that are run with several seeds
  seeds: number;
}

/** One run: what it changes in configs/tiny.yaml. */
export interface PlannedRun {
  name: string;
  set: Record<string, string | number>;
}

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const widest = 16;
export const checkpointWidth = 8;
export const seedWidth = 4;

export const seedName = (seed: number) => `tir-seed-${seed}`;

/** What is run, in order. */
export function plannedRuns({ problems, seedProblems, seeds }: Size): PlannedRun[] {
  const checkpoint = (name: string, rest: PlannedRun["set"] = {}): PlannedRun => {
    const model = `../models/tiny-${name}.gguf`;
    return { name, set: { "problems.0.take": problems, "engine.model": model, ...rest } };
  };
  return [
    checkpoint("tir", { "sampling.width": widest }),
    checkpoint("cot", { strategy: "cot" }),
    checkpoint("tir-half"),
    checkpoint("kto"),
    ...Array.from({ length: seeds }, (_, seed): PlannedRun => {
      const sampling = { "sampling.width": seedWidth, "sampling.seed": 1000 + seed };
      return { name: seedName(seed), set: { "problems.0.take": seedProblems, ...sampling } };
    }),
  ];
}

/** Runs `sctir` as a user would, and returns what it printed. Its progress goes to the terminal. */
export async function sctir(args: readonly string[]): Promise<string> {
  const { stdout } = await execa(process.execPath, ["bin/sctir.js", ...args], { cwd: root, stderr: "inherit" });
  return stdout;
}

/** Finished runs are left alone, an interrupted one goes on. */
export async function carryOut({ name, set }: PlannedRun, folder: string): Promise<void> {
  const changes = Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  await sctir(["run", "configs/tiny.yaml", "--out", join(folder, name), ...changes]);
}

export function summaryOf(folder: string, name: string): Summary {
  return JSON.parse(readFileSync(join(folder, name, "summary.json"), "utf8"));
}
