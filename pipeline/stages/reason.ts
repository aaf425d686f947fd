import type { Candidate } from "../artifacts/candidate.ts";
import type { Execution } from "../artifacts/execution.ts";
import { type CandidateKey, candidateKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import { outputOf, type ProgramResult } from "../core/execution-output.ts";
import { missingModule } from "../core/missing-module.ts";
import { programOf } from "../core/program.ts";
import { pythonSeedOf, seedOf } from "../core/seed.ts";
import { type Decision, decide, finishOf, type ReasoningRules } from "../core/trace.ts";
import { type CandidateProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import type {
  Clock,
  Engine,
  Generation,
  Journal,
  Observe,
  PythonExecution,
  PythonRequest,
  PythonSandbox,
} from "./ports.ts";
import { cutReason } from "./vote-group.ts";

export interface ReasoningPorts {
  engine: Engine;
  sandbox: PythonSandbox;
  journal: Journal;
  clock: Clock;
  observe: Observe;
}

export interface CandidatePorts extends ReasoningPorts {
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
    const startedAt = Math.max(0, ports.clock.now() - beganAt);
    const { prompt, text } = progress.trace;
    const turn = progress.trace.turns;
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
      logprobs: config.sampling.logprobs,
      signal: cut,
    });
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
    const spent = ports.clock.now() - generatedAt;
    if (execution === "aborted") {
      lostMilliseconds = Math.round(generation.milliseconds);
      continue;
    }
    const meta = {
      ...(execution && { queuedMilliseconds: Math.max(0, Math.round(spent - execution.milliseconds)) }),
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

/** Runs what a decision asks for, if it asks for that. */
async function execute(
  key: CandidateKey,
  decision: Decision,
  sandbox: PythonSandbox,
  config: RunConfig,
  rules: ReasoningRules,
  cut: AbortSignal,
): Promise<Turn["execution"] | "aborted"> {
  if (decision.kind !== "execute") return undefined;
  const request = { ...programRequest(key, decision, config, rules), signal: cut };
  const result = await sandbox.execute(request).catch((error: unknown) => {
    if (cut.aborted) return "aborted" as const;
    throw error;
  });
  return result === "aborted" ? result : recordedExecution(result, decision, config, rules);
}

/** A block to run, and those that ran before it. */
export type Execute = Extract<Decision, { kind: "execute" }>;

/** What the sandbox is asked to run for a decision. */
export function programRequest(
  key: CandidateKey,
  { code, earlier }: Execute,
  { python, sampling }: Pick<RunConfig, "python" | "sampling">,
  { profile, state }: ReasoningRules,
): PythonRequest {
  return {
    code: programOf(code, profile),
    earlier: earlier.map((block) => programOf(block.code, profile)),
    ...(state === "session" ? { session: candidateKey(key) } : {}),
    showLastExpression: profile.lastLine === "show-expression",
    seed: pythonSeedOf(sampling.seed, key),
    timeoutSeconds: python.timeoutSeconds,
    memoryMiB: python.memoryMiB,
  };
}

/** What a program did, as the journal has it. */
export function recordedExecution(
  result: PythonExecution,
  { earlier }: Execute,
  { python: { outputCharacters: configured, timeoutSeconds } }: Pick<RunConfig, "python">,
  { profile }: ReasoningRules,
): Execution {
  const outputCharacters = configured ?? profile.outputCharacters;
  const written = (ran: ProgramResult) => outputOf(ran, profile, { outputCharacters, timeoutSeconds }).toWellFormed();
  const { outcome, outputBytes, milliseconds, cpuMilliseconds, peakMemoryMiB, reruns } = result;
  const missing = missingModule(result);
  const isSame = reruns?.every((rerun, index) => written(rerun) === earlier[index]?.output);
  return {
    outcome,
    output: written(result),
    ...{ outputBytes, milliseconds, cpuMilliseconds, peakMemoryMiB },
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
  const { requestId, text, stopString, tokens, firstTokenMilliseconds, milliseconds, endpoint, logprobs } = generation;
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
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
  };
}
