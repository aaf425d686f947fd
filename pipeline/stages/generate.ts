import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import { byKey, candidateKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { Turn } from "../artifacts/turn.ts";
import { expectedAnswer } from "../core/answer-policy.ts";
import { randomStream, shuffled } from "../core/seed.ts";
import { type ReasoningRules, startTrace } from "../core/trace.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { vote } from "../core/vote.ts";
import { type CandidateProgress, startProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import type { Observe, RunStore } from "./ports.ts";
import { type ReasoningContext, type ReasoningPorts, reason } from "./reason.ts";
import { watchedEngine } from "./watched-engine.ts";

/** All candidates of one problem in one replicate: what is voted on together, and what a budget is for. */
interface Group {
  problem: SelectedProblem;
  replicate: number;
  finished: Candidate[];
  deadline: AbortController;
  cancelTimer?: () => void;
}

/** The candidates that the journal knows, by key. */
export type Checkpoint = Map<string, CandidateProgress>;

export interface GenerateResult {
  /** Whether every candidate has ended, so that candidates.jsonl is written. */
  complete: boolean;
  candidates: number;
  turns: number;
}

/** Folds the journal's rows into the candidates' progress. Rows of problems that are not selected are a UserError. */
export class CheckpointBuilder {
  readonly checkpoint: Checkpoint = new Map();
  turns = 0;
  readonly #problems: ReadonlyMap<string, SelectedProblem>;
  readonly #rules: ReasoningRules;

  constructor(problems: readonly SelectedProblem[], rules: ReasoningRules) {
    this.#problems = new Map(problems.map((problem) => [problem.problemId, problem]));
    this.#rules = rules;
  }

  add(row: Turn): void {
    const key = candidateKey(row);
    const problem = this.#problems.get(row.problemId);
    if (!problem) {
      throw new UserError(`turns.jsonl has a turn of ${row.problemId}, which is not in selected.jsonl.`, {
        hint: "The problems were changed after the run began. Start a new run directory.",
      });
    }
    const { problemId, replicate, candidate } = row;
    const before =
      this.checkpoint.get(key) ??
      startProgress({ problemId, replicate, candidate }, startTrace(this.#rules.profile, problem.statement));
    this.checkpoint.set(key, withTurn(this.#rules, before, row));
    this.turns += 1;
  }
}

/** A run's rules, and how much of `totalSeconds` earlier processes of the same run have spent. */
type GenerateContext = ReasoningContext & { secondsSpent: number };

/**
 * generate: every candidate of every problem, from where the checkpoint has it. Writes candidates.jsonl, sorted, once
 * all have ended.
 */
export async function runGenerate(
  store: RunStore,
  problems: readonly SelectedProblem[],
  checkpoint: Checkpoint,
  ports: ReasoningPorts,
  context: GenerateContext,
): Promise<GenerateResult> {
  let turns = 0;
  const observe: Observe = (event) => {
    if (event.kind === "turn") turns += 1;
    ports.observe(event);
  };
  const candidates = await generateCandidates(problems, checkpoint, { ...ports, observe }, context);
  const { width, replicates } = context.config.sampling;
  const complete = candidates.length === problems.length * replicates * width;
  if (complete) {
    checkAnythingWasEvaluated(candidates);
    await store.replace(candidatesFile, candidates.sort(byKey));
  }
  return { complete, candidates: candidates.length, turns };
}

/**
 * The finished candidates of all problems: all of them, unless `stopping` was set off. `concurrency` of them are under
 * way at a time. There is no barrier between turns, nor in `throughput` mode between problems; `exam` takes one
 * problem at a time.
 */
export async function generateCandidates(
  problems: readonly SelectedProblem[],
  checkpoint: Checkpoint,
  ports: ReasoningPorts,
  context: GenerateContext,
): Promise<Candidate[]> {
  const { config, stopping } = context;
  const { width, replicates } = config.sampling;
  const groups = inOrder(problems, config.schedule.order).flatMap((problem) =>
    Array.from({ length: replicates }, (_, replicate): Group => {
      return { problem, replicate, finished: [], deadline: new AbortController() };
    }),
  );
  const wanted = groups.length * width;
  const already = [...checkpoint.values()].filter(({ trace }) => trace.ended).length;
  ports.observe({ kind: "started", problems: groups.length, candidates: wanted, finished: already });

  const run = new GenerateRun(checkpoint, ports, context, () => {
    for (const group of groups) group.deadline.abort();
  });
  const cancelTotal = run.startTotalBudget();
  try {
    const rounds = config.schedule.mode === "exam" ? groups.map((group) => [group]) : [groups];
    for (const round of rounds) await run.work(units(round, width));
  } finally {
    cancelTotal();
    for (const group of groups) group.cancelTimer?.();
  }
  const candidates = groups.flatMap(({ finished }) => finished);
  if (candidates.length < wanted && !stopping.aborted) {
    throw new Error(`${wanted - candidates.length} candidates did not end`);
  }
  return candidates;
}

/** The selected problems, whole. */
export async function readSelected(store: RunStore): Promise<SelectedProblem[]> {
  const problems = await Array.fromAsync(store.rows(selectedFile));
  if (problems.length > 0) return problems;
  throw new UserError(`${store.directory}/selected.jsonl is empty: there is nothing to evaluate.`, {
    hint: "Load a set.",
  });
}

interface Unit {
  group: Group;
  candidate: number;
}

function* units(groups: readonly Group[], width: number): Generator<Unit> {
  // A problem's candidates stay together: they share its prompt in the engine's prefix cache.
  for (const group of groups) {
    for (let candidate = 0; candidate < width; candidate += 1) yield { group, candidate };
  }
}

function inOrder(
  problems: readonly SelectedProblem[],
  order: "given" | { random: number },
): readonly SelectedProblem[] {
  return order === "given" ? problems : shuffled(problems, randomStream(order.random));
}

class GenerateRun {
  readonly #checkpoint: Checkpoint;
  readonly #ports: ReasoningPorts;
  readonly #context: GenerateContext;
  readonly #abortAll: () => void;
  #fault: unknown;

  constructor(checkpoint: Checkpoint, ports: ReasoningPorts, context: GenerateContext, abortAll: () => void) {
    this.#checkpoint = checkpoint;
    this.#context = context;
    this.#abortAll = abortAll;
    this.#ports = { ...ports, engine: watchedEngine(ports, context.config.engine, context.stopping) };
  }

  /** `totalSeconds` of the whole run, resumed or not. */
  startTotalBudget(): () => void {
    const { totalSeconds } = this.#context.config.budget;
    if (totalSeconds === null) return () => {};
    const left = Math.max(0, totalSeconds - this.#context.secondsSpent);
    return this.#ports.clock.after(left * 1000, this.#abortAll);
  }

  /** Takes units one after the other, `concurrency` of them at a time. */
  async work(all: Iterator<Unit>): Promise<void> {
    const worker = async () => {
      while (this.#fault === undefined) {
        const { value: unit, done } = all.next();
        if (done) return;
        try {
          await this.#candidate(unit);
        } catch (error) {
          this.#fault ??= error;
          this.#abortAll(); // what is in flight has nowhere to go
        }
      }
    };
    await Promise.all(Array.from({ length: this.#context.config.schedule.concurrency }, worker));
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #candidate({ group, candidate }: Unit): Promise<void> {
    const { problem, replicate } = group;
    const key = { problemId: problem.problemId, replicate, candidate };
    const { config, rules, stopping } = this.#context;
    const progress =
      this.#checkpoint.get(candidateKey(key)) ?? startProgress(key, startTrace(rules.profile, problem.statement));
    if (progress.trace.ended) return this.#finish(group, toCandidate(progress, config.answer), false);
    if (stopping.aborted) return;
    this.#startClock(group);
    this.#ports.observe({ kind: "candidate-started", key });
    const result = await reason(problem, progress, this.#ports, this.#context, group.deadline.signal);
    if (result.kind === "interrupted" || this.#fault !== undefined) return;
    this.#finish(group, result.candidate, true);
  }

  #startClock(group: Group): void {
    const { problemSeconds } = this.#context.config.budget;
    if (problemSeconds === null || group.cancelTimer !== undefined) return;
    group.cancelTimer = this.#ports.clock.after(problemSeconds * 1000, () => group.deadline.abort());
  }

  #finish(group: Group, candidate: Candidate, live: boolean): void {
    group.finished.push(candidate);
    if (live) this.#ports.observe({ kind: "candidate-finished", candidate });
    const { config } = this.#context;
    if (group.finished.length < config.sampling.width) return;
    group.cancelTimer?.();
    const { problem, replicate } = group;
    const { answer } = vote(group.finished, config.vote);
    const correct = answer === expectedAnswer(problem.answer, config.answer);
    this.#ports.observe({ kind: "problem-finished", problemId: problem.problemId, replicate, answer, correct });
  }
}

/**
 * A set whose every candidate was lost to the engine has evaluated nothing: an error, never a 0 %. The candidates are
 * not written then, so that the same command tries them again.
 */
export function checkAnythingWasEvaluated(candidates: readonly Candidate[]): void {
  const sets = Map.groupBy(candidates, ({ problemId }) => problemId.slice(0, problemId.indexOf("/")));
  for (const [set, ofSet] of sets) {
    if (ofSet.some(({ outcome }) => outcome !== "engine-failed")) continue;
    const reason = ofSet[0]?.meta?.reason;
    throw new UserError(
      `Every candidate of ${set} was lost to the engine, so nothing was evaluated. The first: ${reason}`,
      {
        hint: "`sctir doctor CONFIG` checks the engine. Run the same command again when it answers.",
        exitCode: exitCodes.unavailable,
      },
    );
  }
}
