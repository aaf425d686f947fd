import type { Candidate } from "../artifacts/candidate.ts";
import { type CandidateKey, candidateKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import { outputOf, type ProgramResult } from "../core/execution-output.ts";
import { missingModule } from "../core/missing-module.ts";
import { programOf } from "../core/program.ts";
import { pythonSeedOf, seedOf } from "../core/seed.ts";
import { type Decision, decide, finishOf, type ReasoningRules } from "../core/trace.ts";
import type { Slot } from "./admission.ts";
import { type CandidateProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import type { Clock, Engine, Generation, Journal, Observe, PythonExecution, PythonSandbox } from "./ports.ts";
import { cutReason } from "./vote-group.ts";

export interface ReasoningPorts {
  engine: Engine;
  sandbox: PythonSandbox;
  journal: Journal;
  clock: Clock;
  observe: Observe;
}

/** What a candidate's vote group and its schedule want of it. */
export interface CandidatePorts extends ReasoningPorts {
  /** Waits for leave to ask the engine; undefined when the candidate is cut off meanwhile. */
  admit(kind: "underWay" | "fresh", promptTokens: number): Promise<Slot | undefined>;
  /** A turn has finished, and the candidate goes on. */
  progressed(progress: CandidateProgress): void;
}

export interface ReasoningContext {
  config: RunConfig & { answer: NonNullable<RunConfig["answer"]> };
  rules: ReasoningRules;
  /** On this clock the run began. */
  beganAt: number;
  /** Asks candidates to stop after the turn they are in. */
  stopping: AbortSignal;
}

export type ReasoningResult = { kind: "finished"; candidate: Candidate } | { kind: "interrupted" };

/**
 * One candidate, from where it stands to its end: SC-TIR's alternation of messages and executions. Each finished turn
 * is in the journal before the next one starts. A limit or a server's fault becomes its outcome; what throws is a
 * fault of the sandbox or the disk, or a bug.
 *
 * `cut` aborts the request or execution in flight and ends the candidate, for the CutReason that it aborted with.
 */
export async function reason(
  problem: SelectedProblem,
  start: CandidateProgress,
  ports: CandidatePorts,
  context: ReasoningContext,
  cut: AbortSignal,
): Promise<ReasoningResult> {
  try {
    return await reasonOn(problem, start, ports, context, cut);
  } finally {
    ports.sandbox.endSession(candidateKey(start.key));
  }
}

async function reasonOn(
  problem: SelectedProblem,
  start: CandidateProgress,
  ports: CandidatePorts,
  { config, rules, beganAt, stopping }: ReasoningContext,
  cut: AbortSignal,
): Promise<ReasoningResult> {
  let progress = start;
  let lostMilliseconds = 0; // of the turn that was cut off
  while (!progress.trace.ended) {
    if (cut.aborted) {
      const candidate = toCandidate(progress, config.answer, cutReason(cut));
      const meta = { ...candidate.meta, ...(lostMilliseconds > 0 ? { lostMilliseconds } : {}) };
      return { kind: "finished", candidate: Object.keys(meta).length > 0 ? { ...candidate, meta } : candidate };
    }
    if (stopping.aborted) return { kind: "interrupted" };
    const { prompt, text } = progress.trace;
    const turn = progress.trace.turns;
    const promptTokens = progress.tokensAtMost ?? Math.ceil(Buffer.byteLength(prompt) / bytesPerToken);
    const slot = await ports.admit(turn === 0 ? "fresh" : "underWay", promptTokens);
    if (!slot || stopping.aborted) {
      slot?.leave();
      continue;
    }
    const startedAt = Math.max(0, ports.clock.now() - beganAt);
    const seed = seedOf(config.sampling.seed, { ...progress.key, turn });
    const generation = await ports.engine.generate({
      requestId: `${candidateKey(progress.key)}:${turn}`,
      statement: problem.statement,
      prompt,
      text,
      ...(progress.tokensAtMost === undefined ? {} : { promptTokensAtMost: progress.tokensAtMost }),
      maxTokens: config.sampling.maxTokens,
      temperature: config.sampling.temperature,
      topP: config.sampling.topP,
      seed,
      stop: rules.profile.stop,
      keepStop: rules.profile.keepStop,
      signal: cut,
    });
    slot.leave(generation.kind === "generation" ? generation.tokens.completion : undefined);
    if (generation.kind === "aborted") {
      lostMilliseconds = Math.round(ports.clock.now() - beganAt - startedAt);
      continue; // for the cut or the stop, seen at the top
    }
    if (generation.kind === "context-full") {
      return { kind: "finished", candidate: toCandidate(progress, config.answer, "context-full") };
    }
    if (generation.kind === "engine-failed") {
      const candidate = toCandidate(progress, config.answer, "engine-failed");
      return { kind: "finished", candidate: { ...candidate, meta: { ...candidate.meta, reason: generation.reason } } };
    }
    const finish = finishOf(rules.profile, progress.trace, generation);
    const decision = decide(rules, progress.trace, { text: generation.text, finish });
    const generatedAt = ports.clock.now();
    const execution = await execute(progress.key, decision, ports.sandbox, config, rules, cut);
    if (execution === "aborted") {
      lostMilliseconds = Math.round(generation.milliseconds);
      continue;
    }
    const queued = execution ? Math.round(ports.clock.now() - generatedAt - execution.milliseconds) : 0;
    const meta = {
      ...(queued > 0 ? { queuedMilliseconds: queued } : {}),
      ...(progress.trace.rawAnswer === undefined ? {} : { afterAnswer: true }),
    };
    const row = turnRow(progress.key, turn, { seed, startedAt, finish, generation, decision, execution, meta });
    await ports.journal.append(row);
    progress = withTurn(rules, progress, row);
    ports.observe({ kind: "turn", row });
    if (!progress.trace.ended) ports.progressed(progress);
  }
  return { kind: "finished", candidate: toCandidate(progress, config.answer) };
}

/** Of a prompt that no engine has counted yet; of English with LaTeX, a guess on the safe side. */
const bytesPerToken = 3;

/** Runs what a decision asks for, if it asks for that. */
async function execute(
  key: CandidateKey,
  decision: Decision,
  sandbox: PythonSandbox,
  { python, sampling }: RunConfig,
  { profile, state }: ReasoningRules,
  cut: AbortSignal,
): Promise<Turn["execution"] | "aborted"> {
  if (decision.kind !== "execute") return undefined;
  const { timeoutSeconds, memoryMiB } = python;
  let result: PythonExecution;
  try {
    result = await sandbox.execute({
      code: programOf(decision.code, profile),
      earlier: decision.earlier.map(({ code }) => programOf(code, profile)),
      ...(state === "session" ? { session: candidateKey(key) } : {}),
      showLastExpression: profile.lastLine === "show-expression",
      seed: pythonSeedOf(sampling.seed, key),
      timeoutSeconds,
      memoryMiB,
      signal: cut,
    });
  } catch (error) {
    if (cut.aborted) return "aborted";
    throw error;
  }
  const outputCharacters = python.outputCharacters ?? profile.outputCharacters;
  const written = (ran: ProgramResult) => outputOf(ran, profile, { outputCharacters, timeoutSeconds }).toWellFormed();
  const { outcome, outputBytes, milliseconds, cpuMilliseconds, peakMemoryMiB, reruns } = result;
  const figures = { outputBytes, milliseconds, cpuMilliseconds, peakMemoryMiB };
  const missing = missingModule(result);
  const isSame = reruns?.every((rerun, index) => written(rerun) === decision.earlier[index]?.output);
  return {
    outcome,
    output: written(result),
    ...figures,
    ...(isSame === undefined ? {} : { rebuilt: isSame ? "same" : "diverged" }),
    ...(missing === undefined ? {} : { missingModule: missing }),
  };
}

interface TurnParts {
  seed: number;
  startedAt: number;
  finish: Turn["finish"];
  generation: Generation;
  decision: Decision;
  execution: Turn["execution"];
  meta: NonNullable<Turn["meta"]>;
}

function turnRow(key: CandidateKey, turn: number, parts: TurnParts): Turn {
  const { seed, startedAt, finish, generation, decision, execution, meta } = parts;
  const { requestId, text, stopString, tokens, firstTokenMilliseconds, milliseconds, endpoint } = generation;
  return {
    ...key,
    turn,
    requestId,
    seed,
    text,
    finish,
    ...(stopString === undefined ? {} : { stopString }),
    ...(decision.kind === "execute" ? { code: decision.code } : {}),
    ...(execution === undefined ? {} : { execution }),
    tokens,
    startedAt: Math.round(startedAt),
    ...(firstTokenMilliseconds === undefined ? {} : { firstTokenMilliseconds: Math.round(firstTokenMilliseconds) }),
    milliseconds: Math.round(milliseconds),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
  };
}
