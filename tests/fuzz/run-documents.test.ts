import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRunDirectory, readSummary } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { candidatesFile, manifestFile, selectedFile, summaryFile } from "../../pipeline/artifacts/artifact-file.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { MemoryStore } from "../helpers/memory-store.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { candidates, problem } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { canonical, changedJson } from "./hostile-json.ts";
import { damagedBytes } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const vote = { rule: "majority", ties: "first-seen", fallback: null } as const;
const setting = { slots: 4, depth: 4, afterAnswer: "stop" } as const;

const manifest = {
  formatVersion: 1,
  runId: "a-run",
  createdAt: "2024-06-27T12:00:00.000Z",
  tool: { version: "0.1.0", commit: null },
  config: runConfigSchema.parse({
    problems: [{ set: "own", file: "/data/own.jsonl", where: { level: "5" }, sample: { size: 3, seed: 1 } }],
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m" },
    answer: "integer",
  }),
  configHash: "0",
  profile: profileNamed("tir"),
  datasets: [{ set: "own", file: "/data/own.jsonl", sha256: "0", rows: 3 }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m", serverVersion: "1", maxModelLen: 4096 },
  sandbox: { python: "3.12", packages: { numpy: "2" }, isolation: "limits" },
  state: "interrupted",
  stages: { load: { problems: 3, seconds: 0.1 } },
};

async function summary(): Promise<object> {
  const store = new MemoryStore()
    .with(selectedFile, [problem("set/a", "7")])
    .with(candidatesFile, candidates("set/a", ["7", "8", undefined]));
  await runVote(store, vote);
  return runScore(store, { policy: { policy: "integer" }, vote, runId: "a-run", setting });
}

/** As it stands in the file, or an error that names it. */
async function check(path: string, bytes: string | Buffer, read: () => Promise<unknown>): Promise<void> {
  await writeFile(path, bytes);
  let found: unknown;
  try {
    found = await read();
  } catch (error) {
    asUseful(error, path);
    return;
  }
  expect(canonical(found)).toBe(canonical(JSON.parse(bytes.toString())));
}

describe("manifest.json", () => {
  const valid = JSON.stringify(manifest);
  const read = async (folder: string) => (await openRunDirectory(folder)).readManifest();

  it("is read as it stands there, or refused", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, manifestFile);
    await check(path, valid, () => read(folder));
    const other = fc.oneof(changedJson([manifest]), damagedBytes([valid]));
    await fc.assert(
      fc.asyncProperty(other, (bytes) => check(path, bytes, () => read(folder))),
      runs(150, 2),
    );
  });
});

describe("summary.json", () => {
  it("is read as it stands there, or refused", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, summaryFile);
    const value = await summary();
    await check(path, JSON.stringify(value), () => readSummary(folder));
    const other = fc.oneof(changedJson([value]), damagedBytes([JSON.stringify(value)]));
    await fc.assert(
      fc.asyncProperty(other, (bytes) => check(path, bytes, () => readSummary(folder))),
      runs(150, 2),
    );
  });
});
