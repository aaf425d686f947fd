import { join } from "node:path";
import { loadProblems } from "../adapters/dataset-files/load-problems.ts";
import { openTurnJournal } from "../adapters/run-directory/turn-journal.ts";
import { realTimer } from "../adapters/virtual-clock/real-timer.ts";
import { candidatesFile, turnsFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Summary } from "../artifacts/summary.ts";
import { describeCompute } from "../core/compute.ts";
import { reasoningRules } from "../core/strategy.ts";
import { UserError } from "../core/user-error.ts";
import { voteRuleOf } from "../core/vote.ts";
import { runFilter } from "../stages/filter.ts";
import { CheckpointBuilder, type GenerateResult, readSelected, runGenerate } from "../stages/generate.ts";
import { runLoad } from "../stages/load.ts";
import type { Clock, Engine, EngineDescription, Observe, ProblemReader, PythonSandbox } from "../stages/ports.ts";
import { runScore, type ScoreOptions } from "../stages/score.ts";
import { runVote } from "../stages/vote.ts";
import { type EngineTime, openConfiguredEngine } from "./configured-engine.ts";
import { openConfiguredSandbox } from "./configured-sandbox.ts";
import { printNote } from "./output.ts";
import type { RunSession } from "./run-session.ts";

/** One stage each, on the session's directory, with its figures recorded in the manifest. */

const reader: ProblemReader = { read: loadProblems };

export async function loadStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { datasets, problems, notes } = await runLoad(session.store, session.manifest.config.problems, reader);
  for (const note of notes) printNote(`note: ${note}`);
  if (await session.store.has(turnsFile)) checkSameFiles(session.manifest.datasets, datasets);
  await session.update({ datasets });
  await session.recordStage("load", { problems, seconds: secondsSince(startedAt) });
  printNote(`load: ${problems} problems from ${datasets.length} ${datasets.length === 1 ? "file" : "files"}`);
}

type Datasets = Manifest["datasets"];

/** Turns of a run belong to the problems that it began with. */
function checkSameFiles(earlier: Datasets, now: Datasets): void {
  for (const { set, file, sha256 } of now) {
    const before = earlier.find((dataset) => dataset.set === set);
    if (before === undefined || before.sha256 === sha256) continue;
    throw new UserError(`${file} is not the file that this run began with: its sha256 was ${before.sha256}.`, {
      hint: "Put that file back, or start a run in a new directory.",
    });
  }
}

export async function filterStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { filter, problems: sources } = session.manifest.config;
  const { selected, rejected, flags } = await runFilter(session.store, { rule: filter.answers, sources });
  await session.recordStage("filter", { selected, rejected, seconds: secondsSince(startedAt) });
  const flagged = Array.from(flags, ([flag, count]) => `, ${count} ${flag}`).join("");
  printNote(`filter: ${selected} kept, ${rejected} left out (rejected.jsonl says why)${flagged}`);
}

/** load and filter, unless they are done. */
export async function selectProblems(session: RunSession): Promise<void> {
  if (!session.manifest.stages.load) await loadStage(session);
  if (!session.manifest.stages.filter) await filterStage(session);
}

export interface GenerateStageOptions {
  stopping: AbortSignal;
  observe: Observe;
  /** Python without isolation, where none is to be had. */
  allowUnsafe: boolean;
  /** The candidates of a finished run that were lost to the engine are tried again, and all others stay as they are. */
  retryLost?: boolean;
}

/** Returns whether every candidate has ended; false after an interruption. */
export async function generateStage(session: RunSession, options: GenerateStageOptions): Promise<boolean> {
  const { manifest, store, lock } = session;
  const { config, profile } = manifest;
  const { width, replicates } = config.sampling;
  const answer = config.answer ?? profile.policy;
  const rules = reasoningRules(profile, config);
  const problems = await readSelected(store);
  const builder = new CheckpointBuilder(problems, rules, answer);
  const journal = await openTurnJournal(join(store.directory, turnsFile.name), {
    take: (row) => builder.take(row),
    onTorn: (tail) => printNote(`note: turns.jsonl ended in ${tail}, cut off; that turn is made again`),
    lock,
  });
  // A retry that was broken off goes on as one.
  const retriesLost = options.retryLost || manifest.stages.generate?.retriesLost === 1;
  if (retriesLost) {
    for await (const row of store.rows(candidatesFile)) if (!wasLost(row)) builder.keep(row);
  }
  let tools: Tools = idleTools;
  let result: GenerateResult;
  let seconds: number;
  try {
    if (builder.turns > 0) printNote(`generate: going on after ${builder.turns} finished turns`);
    if (!builder.hasEnded(problems.length * replicates * width)) tools = await openTools(session, problems, options);
    if (options.retryLost) await session.reopen("generate", { retriesLost: 1 });
    const { engine, sandbox, time } = tools;
    // A process that was killed recorded no time; its turns tell.
    const spentBefore = Math.max(manifest.stages.generate?.seconds ?? 0, builder.secondsSpent);
    const clock = time?.clock ?? wallClock;
    const startedAt = clock.now();
    result = await runGenerate(
      store,
      problems,
      builder.checkpoint,
      { engine, ...(time?.ports({ sandbox, journal }) ?? { sandbox, journal }), clock, observe: options.observe },
      {
        config: { ...config, answer },
        rules,
        // A clock that was set back meanwhile must not put turns before those that are there.
        beganAt: time ? startedAt - 1000 * spentBefore : Math.min(session.beganAt, startedAt - builder.lastEnd),
        stopping: options.stopping,
        secondsSpent: retriesLost ? builder.secondsSpent : spentBefore, // what an outage took is given back
      },
    );
    seconds = round(spentBefore + (clock.now() - startedAt) / 1000);
  } finally {
    await closeTools(tools);
    await journal.close();
  }
  // Only now that the journal is on the disk.
  const { candidates, turns, complete } = result;
  await session.recordStage("generate", {
    ...{ candidates, turns: builder.turns + turns },
    ...{ complete: complete ? 1 : 0, seconds },
  });
  return complete;
}

/** What candidates need in order to go on. */
interface Tools {
  engine: Engine;
  sandbox: PythonSandbox;
  time?: EngineTime | undefined;
}

/** Looks for the engine and, where programs are run, for Python; what they are is recorded. */
async function openTools(
  session: RunSession,
  problems: readonly SelectedProblem[],
  { allowUnsafe }: GenerateStageOptions,
): Promise<Tools> {
  const { config, profile } = session.manifest;
  const { engine, time } = await openConfiguredEngine(config.engine, profile);
  const tools: Tools = { engine, sandbox: noSandbox, time };
  try {
    const server = await engine.connect();
    if (await session.store.has(turnsFile)) checkSameModel(session.manifest.engine, server);
    await checkRoom(engine, server, problems, profile);
    await session.update({ engine: server });
    const context = server.maxModelLen === undefined ? "" : `, context ${server.maxModelLen}`;
    const compute = server.compute ? `, ${describeCompute(server.compute)}` : "";
    printNote(
      `generate: ${server.model} at ${server.baseUrl ?? `the embedded ${server.kind} engine`}${context}${compute}`,
    );
    if (config.strategy !== "cot" && time?.runsPrograms !== false) {
      const { sandbox, description, notes } = await openConfiguredSandbox(config, profile, { allowUnsafe });
      tools.sandbox = sandbox;
      await session.update({ sandbox: description });
      for (const note of notes) printNote(`note: ${note}`);
      printNote(`generate: Python ${description.python}, isolation: ${description.isolation}`);
    }
    return tools;
  } catch (error) {
    await closeTools(tools);
    throw error;
  }
}

/** Turns of a run belong to the model that it began with, and to what computed it: the manifest tells only one. */
function checkSameModel(earlier: Manifest["engine"], { file, compute }: EngineDescription): void {
  if (file && earlier?.file && earlier.file.sha256 !== file.sha256) {
    throw new UserError(
      `${file.path} is not the model that this run began with: its sha256 was ${earlier.file.sha256}.`,
      { hint: "Put that file back, or start a run in a new directory." },
    );
  }
  if (compute && earlier?.compute && earlier.compute.backend !== compute.backend) {
    throw new UserError(
      `This run was computed ${describeCompute(earlier.compute)}, and would now be computed ${describeCompute(compute)}.`,
      { hint: "Go on where that is to be had, or start a run in a new directory." },
    );
  }
}

/** A context in which no problem's prompt has room would make a run of `context-full` alone. */
async function checkRoom(
  { promptTokens }: Engine,
  { maxModelLen, model }: EngineDescription,
  problems: readonly SelectedProblem[],
  { prompt }: Profile,
): Promise<void> {
  const [shortest] = problems.toSorted((a, b) => a.statement.length - b.statement.length);
  if (promptTokens === undefined || maxModelLen === undefined || shortest === undefined) return;
  const tokens = await promptTokens(prompt.replace("{problem}", () => shortest.statement));
  if (tokens < maxModelLen) return;
  throw new UserError(
    `The context of ${model} has ${maxModelLen} tokens, which leaves no room: the shortest problem's prompt has ${tokens}.`,
    { hint: "Raise engine.maxModelLen as far as the model goes, or use a profile with a shorter prompt." },
  );
}

async function closeTools({ engine, sandbox }: Tools): Promise<void> {
  await Promise.allSettled([engine.close(), sandbox.close()]);
}

export async function voteStage(session: RunSession): Promise<void> {
  const startedAt = performance.now();
  const { votes } = await runVote(session.store, voteRuleOf(session.manifest.config));
  await session.recordStage("vote", { votes, seconds: secondsSince(startedAt) });
}

export async function scoreStage(session: RunSession): Promise<Summary> {
  const startedAt = performance.now();
  const summary = await runScore(session.store, scoreOptions(session.manifest));
  await session.recordStage("score", { problems: summary.all.problems, seconds: secondsSince(startedAt) });
  return summary;
}

export function scoreOptions({ config, profile, runId }: Pick<Manifest, "config" | "profile" | "runId">): ScoreOptions {
  return {
    ...{ policy: config.answer ?? profile.policy, vote: voteRuleOf(config), runId },
    setting: { slots: slotsOf(config), depth: config.sampling.depth, afterAnswer: profile.afterAnswer },
  };
}

/** Turns that can be in flight at a time. */
function slotsOf({ schedule: { mode, concurrency }, sampling: { width } }: RunConfig): number {
  return mode === "exam" ? Math.min(concurrency, width) : concurrency;
}

/** How many candidates of a finished run were lost to the engine. */
export async function countLost(session: RunSession): Promise<number> {
  let lost = 0;
  for await (const row of session.store.rows(candidatesFile)) if (wasLost(row)) lost += 1;
  return lost;
}

const wasLost = ({ outcome }: Candidate) => outcome === "engine-failed";

export async function hasCandidates(session: RunSession): Promise<boolean> {
  return session.manifest.stages.generate?.complete === 1 && (await session.store.has(candidatesFile));
}

/** `cot` runs no code. */
const noSandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("no Python is needed")),
  execute: () => Promise.reject(new Error("no Python is needed")),
  endSession: () => {},
  close: () => Promise.resolve(),
};

const noEngine: Engine = {
  connect: () => Promise.reject(new Error("no engine is needed")),
  generate: () => Promise.reject(new Error("no engine is needed")),
  close: () => Promise.resolve(),
};

/** Where the journal tells how every candidate ended. */
const idleTools: Tools = { engine: noEngine, sandbox: noSandbox };

export const wallClock: Clock = {
  // Since the epoch as it was when the process started, so that it goes on where an earlier process of a run was.
  now: () => performance.timeOrigin + performance.now(),
  after: realTimer,
};

function secondsSince(startedAt: number): number {
  return round((performance.now() - startedAt) / 1000);
}

const round = (seconds: number) => Math.round(seconds * 1000) / 1000;
