import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DamagedFile } from "../adapters/run-directory/damaged-file.ts";
import { repairJournal } from "../adapters/run-directory/repair-journal.ts";
import { readSummary } from "../adapters/run-directory/run-directory.ts";
import { setFileAside } from "../adapters/run-directory/set-aside.ts";
import {
  type ArtifactFile,
  candidatesFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  summaryFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { reasoningRules } from "../core/strategy.ts";
import { CheckpointBuilder, readSelected } from "../stages/generate.ts";
import { printNote } from "./output.ts";
import type { RunSession } from "./run-session.ts";
import { hasCandidates, selectProblems } from "./stage-runs.ts";

interface KeyedRow {
  problemId: string;
  replicate?: number;
  candidate?: number;
}

interface DerivedFile {
  file: ArtifactFile<KeyedRow>;
  stage: string;
  /** How many rows it has, as the manifest has it. */
  rows(stages: Manifest["stages"]): number | undefined;
}

const derivedFiles: readonly DerivedFile[] = [
  { file: problemsFile, stage: "load", rows: ({ load }) => load?.problems },
  { file: selectedFile, stage: "filter", rows: ({ filter }) => filter?.selected },
  { file: rejectedFile, stage: "filter", rows: ({ filter }) => filter?.rejected },
  { file: candidatesFile, stage: "generate", rows: ({ generate }) => generate?.candidates },
  { file: votesFile, stage: "vote", rows: ({ vote }) => vote?.votes },
  { file: verdictsFile, stage: "score", rows: ({ vote }) => vote?.votes },
];

/**
 * Sets aside what cannot be read in a run's directory, and opens again the stages that made it: what is missing then is
 * made from what it derives from. Nothing is deleted. Only turns that are lost are asked of the engine again.
 */
export async function repairRun(session: RunSession): Promise<void> {
  const files = await repairDerivedFiles(session);
  const journal = await repairTurns(session);
  if (!files && !journal && !session.isRemade) printNote(`repair: nothing to repair in ${session.store.directory}`);
}

async function repairDerivedFiles(session: RunSession): Promise<boolean> {
  const faults: { name: string; stage: string; fault: string | undefined }[] = [];
  for (const derived of derivedFiles) {
    faults.push({ name: derived.file.name, stage: derived.stage, fault: await rowsFault(derived, session) });
  }
  faults.push({ name: summaryFile, stage: "score", fault: await summaryFault(session) });
  let isAnyDamaged = false;
  for (const { name, stage, fault } of faults) {
    if (fault === undefined) continue;
    isAnyDamaged = true;
    await session.reopen(stage); // first, so that a crash after it leaves a run that goes on
    printNote(`repair: ${fault}`);
    printNote(`  ${await setAsideIfThere(session, name, fault)}`);
  }
  return isAnyDamaged;
}

/** What is wrong with a file of rows, if anything is. */
async function rowsFault({ file, stage, rows }: DerivedFile, session: RunSession): Promise<string | undefined> {
  const { store, manifest } = session;
  const path = join(store.directory, file.name);
  const figures = manifest.stages[stage];
  const isDone = stage === "generate" ? figures?.complete === 1 : figures !== undefined;
  if (!(await store.has(file))) return isDone ? `${path} is missing` : undefined;
  const keys = new Set<string>();
  try {
    for await (const { problemId, replicate, candidate } of store.rows(file)) {
      const key = [problemId, replicate, candidate].filter((part) => part !== undefined).join(":");
      if (keys.has(key)) return `${path} holds two rows for ${key}`;
      keys.add(key);
    }
  } catch (error) {
    if (error instanceof DamagedFile) return error.message;
    throw error;
  }
  const expected = isDone ? rows(manifest.stages) : undefined;
  return expected === undefined || keys.size === expected
    ? undefined
    : `${path} holds ${keys.size} rows, not ${expected}`;
}

async function summaryFault({ store, manifest }: RunSession): Promise<string | undefined> {
  try {
    const summary = await readSummary(store.directory);
    return summary === undefined && manifest.stages.score
      ? `${join(store.directory, summaryFile)} is missing`
      : undefined;
  } catch (error) {
    if (error instanceof DamagedFile) return error.message;
    throw error;
  }
}

async function setAsideIfThere({ store, lock }: RunSession, name: string, fault: string): Promise<string> {
  const isThere = (await readdir(store.directory)).includes(name);
  return isThere
    ? `set aside as ${await setFileAside(join(store.directory, name), fault, lock)}, made again`
    : "made again";
}

/** Rows of the journal that cannot be read, or do not follow from those before them, make room for their turns. */
async function repairTurns(session: RunSession): Promise<boolean> {
  const { store, lock } = session;
  if (!(await store.has(turnsFile))) return false;
  await selectProblems(session);
  const { config, profile, stages } = session.manifest;
  const policy = config.answer ?? profile.policy;
  const builder = new CheckpointBuilder(await readSelected(store), reasoningRules(profile, config), policy);
  const path = join(store.directory, turnsFile.name);
  const aside = await repairJournal(path, (row) => builder.take(row), lock);
  const missing = (await hasCandidates(session)) ? (stages.generate?.turns ?? 0) - builder.turns : 0;
  if (missing > 0) await session.reopen("generate");
  for (const { line, byte, reason } of aside?.notes.slice(0, 10) ?? []) {
    printNote(`repair: ${path}, line ${line} (byte ${byte}): ${reason}`);
  }
  if (aside) {
    const { name, notes } = aside;
    const which = notes.length === 1 ? "1 line of turns.jsonl" : `${notes.length} lines of turns.jsonl`;
    printNote(`  ${which} set aside in ${name}, with ${name}.json on where each stood`);
  }
  if (missing > 0) printNote(`repair: ${path} lacks ${missing} turns; made again`);
  return aside !== undefined || missing > 0;
}
