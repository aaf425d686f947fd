import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  candidatesFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../../pipeline/artifacts/artifact-file.ts";
import { byKey } from "../../pipeline/artifacts/identifier.ts";
import { type Manifest, manifestSchema } from "../../pipeline/artifacts/manifest.ts";
import type { Profile } from "../../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { configHash } from "../../pipeline/commands/run-config-file.ts";
import { scoreOptions } from "../../pipeline/commands/stage-runs.ts";
import { toolVersion } from "../../pipeline/commands/tool-version.ts";
import { runFilter } from "../../pipeline/stages/filter.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { generate } from "./generation.ts";
import { MemoryStore } from "./memory-store.ts";
import { profileNamed } from "./profiles.ts";
import { problem } from "./run-rows.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const files = [problemsFile, selectedFile, rejectedFile, turnsFile, candidatesFile, votesFile, verdictsFile];

/** A complete run directory of what a scripted engine says on virtual time, with the settings of `generate`. */
export async function generatedRun(setting: Parameters<typeof generate>[0]): Promise<string> {
  const { turns, candidates } = await generate(setting);
  const config = runConfigSchema.parse({
    problems: [{ set: "set", file: "gone.jsonl" }],
    profile: "tir",
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "scripted" },
    ...setting.config,
  });
  const tir = profileNamed("tir");
  const profile: Profile = { ...tir, withoutCode: "go-on", answer: { ...tir.answer, needsOutput: false } }; // as generate's
  const problems = Array.from({ length: setting.problems }, (_, index) => {
    const { answer: _answer, flags: _flags, ...read } = problem(`set/p${index}`, "42");
    return read;
  });
  const store = new MemoryStore().with(problemsFile, problems).with(turnsFile, turns);
  const { selected, rejected } = await runFilter(store, { rule: config.filter.answers, sources: [] });
  store.with(candidatesFile, candidates.toSorted(byKey));
  const { votes } = await runVote(store, config.vote);
  const run = { config, profile, runId: "generated" };
  const summary = await runScore(store, scoreOptions(run));
  const manifest: Manifest = manifestSchema.parse({
    ...{ formatVersion: 1, createdAt: "2026-11-26T00:00:00.000Z", tool: { version: toolVersion(), commit: null } },
    ...{ ...run, configHash: configHash(config), state: "complete" },
    datasets: [{ set: "set", file: "/nowhere/gone.jsonl", sha256: "0".repeat(64), rows: problems.length }],
    stages: {
      load: { problems: problems.length },
      filter: { selected, rejected },
      generate: { candidates: candidates.length, turns: turns.length, complete: 1 },
      vote: { votes },
      score: { problems: selected },
    },
  });

  const directory = await temporaryFolder();
  for (const file of files) {
    const rows = store.read<unknown>(file).map((row) => `${JSON.stringify(row)}\n`);
    await writeFile(join(directory, file.name), rows.join(""));
  }
  await writeFile(join(directory, "summary.json"), JSON.stringify(summary));
  await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
  return directory;
}
