import { join } from "node:path";
import { loadProblems } from "../adapters/dataset-files/load-problems.ts";
import { openTurnJournal } from "../adapters/run-directory/turn-journal.ts";
import { realTimer } from "../adapters/virtual-clock/real-timer.ts";
import { candidatesFile, turnsFile } from "../artifacts/artifact-file.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Summary } from "../artifacts/summary.ts";
import { reasoningRules } from "../core/strategy.ts";
import { runFilter } from "../stages/filter.ts";
import { CheckpointBuilder, readSelected, runGenerate } from "../stages/generate.ts";
import { runLoad } from "../stages/load.ts";
import type { Clock, Engine, Observe, ProblemReader, PythonSandbox } from "../stages/ports.ts";
import { runScore } from "../stages/score.ts";
import { runVote } from "../stages/vote.ts";
import { openConfiguredEngine } from "./configured-engine.ts";
import { openConfiguredSandbox } from "./configured-sandbox.ts";
import { printNote } from "./output.ts";
import type { RunSession } from "./run-session.ts";

/** One stage each, on the session's directory, with its figures recorded in the manifest. */

const reader: ProblemReader = { read: loadProblems };

export async function loadStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { datasets, problems, notes } = await runLoad(session.store, session.manifest.config.problems, reader);
  for (const note of notes) printNote(`note: ${note}`);
  await session.update({ datasets });
  await session.recordStage("load", { problems, seconds: secondsSince(startedAt) });
  printNote(`load: ${problems} problems from ${datasets.length} ${datasets.length === 1 ? "file" : "files"}`);
}

export async function filterStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { filter, problems: sources } = session.manifest.config;
  const { selected, rejected, flags } = await runFilter(session.store, { rule: filter.answers, sources });
  await session.recordStage("filter", { selected, rejected, seconds: secondsSince(startedAt) });
  const flagged = Array.from(flags, ([flag, count]) => `, ${count} ${flag}`).join("");
  printNote(`filter: ${selected} kept, ${rejected} left out (rejected.jsonl says why)${flagged}`);
}

export interface GenerateStageOptions {
  stopping: AbortSignal;
  observe: Observe;
  /** Python without isolation, where none is to be had. */
  allowUnsafe: boolean;
}

/** Returns whether every candidate has ended; false after an interruption. */
export async function generateStage(session: RunSession, options: GenerateStageOptions): Promise<boolean> {
  const { manifest, store } = session;
  const { config, profile } = manifest;
  const answer = config.answer ?? profile.policy;
  const rules = reasoningRules(profile, config);
  const problems = await readSelected(store);
  const { engine, time } = await openConfiguredEngine(config.engine, profile);
  let sandbox: PythonSandbox | undefined;
  try {
    const server = await engine.connect();
    await session.update({ engine: server });
    const context = server.maxModelLen === undefined ? "" : `, context ${server.maxModelLen}`;
    printNote(`generate: ${server.model} at ${server.baseUrl ?? "the embedded replay engine"}${context}`);
    sandbox = noSandbox;
    if (config.strategy !== "cot" && time?.runsPrograms !== false) {
      const opened = await openConfiguredSandbox(config, profile, { allowUnsafe: options.allowUnsafe });
      const { description, notes } = opened;
      sandbox = opened.sandbox;
      await session.update({ sandbox: description });
      for (const note of notes) printNote(`note: ${note}`);
      printNote(`generate: Python ${description.python}, isolation: ${description.isolation}`);
    }
    const builder = new CheckpointBuilder(problems, rules);
    const journal = await openTurnJournal(
      join(store.directory, turnsFile.name),
      (row) => builder.add(row),
      (bytes) =>
        printNote(`note: turns.jsonl ended in half a line of ${bytes} bytes, cut off; that turn is made again`),
    );
    if (builder.turns > 0) printNote(`generate: going on after ${builder.turns} finished turns`);
    // A process that was killed recorded no time; its turns tell.
    const spentBefore = Math.max(manifest.stages.generate?.seconds ?? 0, builder.secondsSpent);
    const clock = time?.clock ?? wallClock;
    const startedAt = clock.now();
    const record = (complete: boolean, turns: number, candidates: number) =>
      session.recordStage("generate", {
        candidates,
        turns: builder.turns + turns,
        complete: complete ? 1 : 0,
        seconds: round(spentBefore + (clock.now() - startedAt) / 1000),
      });
    try {
      const result = await runGenerate(
        store,
        problems,
        builder.checkpoint,
        { engine, ...(time?.ports({ sandbox, journal }) ?? { sandbox, journal }), clock, observe: options.observe },
        {
          config: { ...config, answer },
          rules,
          beganAt: time ? startedAt - 1000 * spentBefore : session.beganAt,
          stopping: options.stopping,
          secondsSpent: spentBefore,
        },
      );
      await record(result.complete, result.turns, result.candidates);
      return result.complete;
    } finally {
      await journal.close();
    }
  } finally {
    await closeAll(engine, sandbox);
  }
}

export async function voteStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { votes } = await runVote(session.store, session.manifest.config.vote);
  await session.recordStage("vote", { votes, seconds: secondsSince(startedAt) });
}

export async function scoreStage(session: RunSession): Promise<Summary> {
  const startedAt = performance.now();
  const { config, profile, runId } = session.manifest;
  const policy = config.answer ?? profile.policy;
  const summary = await runScore(session.store, {
    ...{ policy, vote: config.vote, runId },
    setting: { slots: slotsOf(config), depth: config.sampling.depth, afterAnswer: profile.afterAnswer },
  });
  await session.recordStage("score", { problems: summary.all.problems, seconds: secondsSince(startedAt) });
  return summary;
}

/** Turns that can be in flight at a time. */
function slotsOf({ schedule: { mode, concurrency }, sampling: { width } }: RunConfig): number {
  return mode === "exam" ? Math.min(concurrency, width) : concurrency;
}

export async function hasCandidates(session: RunSession): Promise<boolean> {
  return session.manifest.stages.generate?.complete === 1 && (await session.store.has(candidatesFile));
}

async function closeAll(engine: Engine, sandbox: PythonSandbox | undefined): Promise<void> {
  await Promise.allSettled([engine.close(), sandbox?.close()]);
}

/** `cot` runs no code. */
const noSandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("no Python is needed")),
  execute: () => Promise.reject(new Error("no Python is needed")),
  endSession: () => {},
  close: () => Promise.resolve(),
};

export const wallClock: Clock = {
  // Since the epoch as it was when the process started, so that it goes on where an earlier process of a run was.
  now: () => performance.timeOrigin + performance.now(),
  after: realTimer,
};

function secondsSince(startedAt: number): number {
  return round((performance.now() - startedAt) / 1000);
}

const round = (seconds: number) => Math.round(seconds * 1000) / 1000;
