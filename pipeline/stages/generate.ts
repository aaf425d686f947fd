import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import { byKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import { ballotOf, expectedAnswer } from "../core/answer-policy.ts";
import { allowedSeconds } from "../core/budget.ts";
import { ByCandidate } from "../core/by-candidate.ts";
import { endOfTurn, WorkedTime } from "../core/covered-time.ts";
import { confidentWinner } from "../core/early-stop/early-winner.ts";
import { randomStream, shuffled } from "../core/seed.ts";
import { sum } from "../core/sum.ts";
import { type ReasoningRules, startTrace } from "../core/trace.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { lotsOf, vote, voteRuleOf } from "../core/vote.ts";
import { Admission } from "./admission.ts";
import { type CandidateProgress, refusalOf, startProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import { PackedCandidates } from "./packed-candidates.ts";
import type { Observe, RowRefusal, RunStore } from "./ports.ts";
import { type ReasoningContext, type ReasoningPorts, reason } from "./reason.ts";
import { VoteGroup } from "./vote-group.ts";
import { WatchedEngine } from "./watched-engine.ts";

/** What the journal knows: candidates by key, and how long each vote group was worked on. */
export interface Checkpoint {
  open: ByCandidate<CandidateProgress>;
  finished: PackedCandidates;
  worked: WorkedTime;
}

export const emptyCheckpoint = (): Checkpoint => ({
  open: new ByCandidate(),
  finished: new PackedCandidates(),
  worked: new WorkedTime(),
});

export interface GenerateResult {
  /** Whether every candidate has ended, so that candidates.jsonl is written. */
  complete: boolean;
  candidates: number;
  turns: number;
}

/** Folds the journal's rows into the candidates' progress. */
export class CheckpointBuilder {
  readonly checkpoint = emptyCheckpoint();
  turns = 0;
  tokens = 0; // generated
  /** When the last turn was over, in milliseconds of the run. */
  lastEnd = 0;
  readonly #problems: ReadonlyMap<string, SelectedProblem>;
  readonly #rules: ReasoningRules;
  readonly #policy: AnswerPolicy;

  constructor(problems: readonly SelectedProblem[], rules: ReasoningRules, policy: AnswerPolicy) {
    this.#problems = new Map(problems.map((problem) => [problem.problemId, problem]));
    this.#rules = rules;
    this.#policy = policy;
  }

  /** Takes a row in. One that does not follow from those before it is left out, and the reason returned. */
  take(row: Turn): RowRefusal | undefined {
    const problem = this.#problems.get(row.problemId);
    if (!problem) return { reason: `${row.problemId} is not in selected.jsonl`, repeated: false };
    const { open, finished, worked } = this.checkpoint;
    const before = open.get(row);
    const ended = before ? undefined : finished.get(row);
    const refusal = refusalOf(row, before?.trace.turns ?? ended?.turns ?? 0, ended !== undefined);
    if (refusal) return refusal;
    const after = withTurn(this.#rules, before ?? this.#begin(problem, row), row);
    if (after.trace.ended) {
      open.delete(row);
      finished.set(toCandidate(after, this.#policy));
    } else {
      open.set(row, after);
    }
    worked.add(row);
    this.turns += 1;
    this.tokens += row.tokens.completion;
    this.lastEnd = Math.max(this.lastEnd, endOfTurn(row));
    return undefined;
  }

  #begin({ problemId, statement }: SelectedProblem, { replicate, candidate }: Turn): CandidateProgress {
    return startProgress({ problemId, replicate, candidate }, startTrace(this.#rules.profile, statement));
  }

  /** Takes over how a candidate ended: the journal does not tell of a budget, an early stop or a full context. */
  keep(candidate: Candidate): void {
    const { open, finished } = this.checkpoint;
    open.delete(candidate);
    finished.set(candidate);
  }

  /** Whether these are so many candidates, all of which have ended: no engine is needed then. */
  hasEnded(wanted: number): boolean {
    return this.checkpoint.finished.size === wanted && this.checkpoint.open.size === 0;
  }

  /** Seconds in which a turn of the run was under way. */
  get secondsSpent(): number {
    return this.checkpoint.worked.seconds();
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
  const groups = await workOn(problems, checkpoint, { ...ports, observe }, context);
  const complete = groups.every(({ isComplete }) => isComplete);
  if (complete) {
    checkAnythingWasEvaluated(finishedIn(groups));
    await store.replace(candidatesFile, finishedIn(groups.toSorted(byGroup)));
  }
  return { complete, candidates: sum(groups.map(({ finishedCount }) => finishedCount)), turns };
}

/** The finished candidates of all problems: all of them, unless `stopping` was set off. */
export async function generateCandidates(
  problems: readonly SelectedProblem[],
  checkpoint: Checkpoint,
  ports: ReasoningPorts,
  context: GenerateContext,
): Promise<Candidate[]> {
  return [...finishedIn(await workOn(problems, checkpoint, ports, context))];
}

/** Group by group: all candidates at once would fill the memory. */
function* finishedIn(groups: readonly VoteGroup[]): Generator<Candidate> {
  for (const { finished } of groups) yield* finished;
}

function byGroup(a: VoteGroup, b: VoteGroup): number {
  return byKey({ ...a.problem, replicate: a.replicate }, { ...b.problem, replicate: b.replicate });
}

/**
 * Goes on with the candidates of all problems, in groups that are voted on, until all have ended or `stopping` is set off.
 * There is no barrier between turns, nor in `throughput` mode between problems; `exam` takes one problem at a time, and
 * none begins before the vote on the one before is final. What has ended is added to the checkpoint.
 */
async function workOn(
  problems: readonly SelectedProblem[],
  checkpoint: Checkpoint,
  ports: ReasoningPorts,
  context: GenerateContext,
): Promise<VoteGroup[]> {
  const { config, stopping } = context;
  const groups = inOrder(problems, config).map(([problem, replicate]) =>
    voteGroup(problem, replicate, checkpoint, context),
  );
  checkpoint.open.clear(); // the groups have them
  const wanted = groups.length * config.sampling.width;
  const already = sum(groups.map(({ finishedCount }) => finishedCount));
  ports.observe({ kind: "started", problems: groups.length, candidates: wanted, finished: already });

  await new GenerateRun(groups, ports, context).work();
  const lacking = groups.filter(({ isComplete }) => !isComplete).length;
  if (lacking > 0 && !stopping.aborted) throw new Error(`candidates of ${lacking} votes did not end`);
  return groups;
}

function voteGroup(
  problem: SelectedProblem,
  replicate: number,
  checkpoint: Checkpoint,
  { config, rules }: GenerateContext,
): VoteGroup {
  const { problemId } = problem;
  const { width } = config.sampling;
  return new VoteGroup(problem, replicate, {
    width,
    start: startTrace(rules.profile, problem.statement),
    begun: checkpoint.open.group(problemId, replicate),
    finished: checkpoint.finished,
    secondsBefore: checkpoint.worked.seconds({ problemId, replicate }),
  });
}

/**
 * Problems and replicates in the order in which they are taken up. A replicate of an exam is an exam of its own, in an
 * order of its own; else the replicates of a problem follow each other: they share its prompt in the prefix cache.
 */
function inOrder(
  problems: readonly SelectedProblem[],
  { sampling, schedule: { mode, order } }: RunConfig,
): (readonly [problem: SelectedProblem, replicate: number])[] {
  const replicates = Array.from({ length: sampling.replicates }, (_, replicate) => replicate);
  const random = order === "given" ? undefined : randomStream(order.random);
  const ordered = () => (random ? shuffled(problems, random) : problems);
  if (mode === "exam")
    return replicates.flatMap((replicate) => ordered().map((problem) => [problem, replicate] as const));
  return ordered().flatMap((problem) => replicates.map((replicate) => [problem, replicate] as const));
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
  group: VoteGroup;
  progress: CandidateProgress;
}

class GenerateRun {
  readonly #groups: readonly VoteGroup[];
  readonly #ports: ReasoningPorts;
  readonly #context: GenerateContext;
  readonly #watch: WatchedEngine | undefined;
  readonly #admission: Admission;
  readonly #beganAt: number;
  /** Groups with open candidates of which none has begun in this process. */
  readonly #yetToCome: Set<VoteGroup>;
  /** Candidates that a budget ended, in order. */
  readonly #endedByBudget: { group: VoteGroup; candidate: Candidate; at: number }[] = [];
  #fault: unknown;

  constructor(groups: readonly VoteGroup[], ports: ReasoningPorts, context: GenerateContext) {
    const { engine, sampling } = context.config;
    this.#groups = groups;
    this.#context = context;
    if (engine.kind !== "replay") {
      const { patienceSeconds } = engine;
      this.#watch = new WatchedEngine({ ...ports, patienceSeconds, stopping: context.stopping });
    }
    this.#ports = { ...ports, engine: this.#watch ?? ports.engine };
    this.#admission = new Admission({ ...ports, firstGuess: sampling.maxTokens / 2 });
    this.#beganAt = ports.clock.now();
    this.#yetToCome = new Set(groups.filter(({ isComplete }) => !isComplete));
  }

  async work(): Promise<void> {
    const { clock, journal } = this.#ports;
    const { mode } = this.#context.config.schedule;
    journal.failed?.throwIfAborted();
    const fail = () => this.#fail(journal.failed?.reason);
    journal.failed?.addEventListener("abort", fail);
    const left = this.#totalSecondsLeft();
    const cancelTotal = left === Number.POSITIVE_INFINITY ? () => {} : clock.after(1000 * left, () => this.#endAll());
    try {
      for (const group of this.#groups) {
        this.#stopIfDecided(group);
        this.#concludeIfComplete(group);
      }
      // In an exam all candidates of the problem are let in: no other problem would use what room they leave.
      if (mode === "throughput") await this.#admission.open();
      for (const round of mode === "exam" ? this.#groups.map((group) => [group]) : [this.#groups]) {
        await this.#workOn(round);
      }
      await this.#findLost();
    } finally {
      this.#admission.close();
      cancelTotal();
      journal.failed?.removeEventListener("abort", fail);
      for (const group of this.#groups) group.stopClock();
    }
  }

  async #workOn(groups: readonly VoteGroup[]): Promise<void> {
    const all = units(groups);
    const worker = async () => {
      for (const { group, progress } of all) {
        if (this.#fault !== undefined) return;
        try {
          await this.#candidate(group, progress);
        } catch (error) {
          this.#fail(error);
        }
      }
    };
    await Promise.all(Array.from({ length: this.#context.config.schedule.concurrency }, worker));
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #candidate(group: VoteGroup, progress: CandidateProgress): Promise<void> {
    if (this.#context.stopping.aborted) return;
    const place = await this.#admission.enter(progress.tokens.completion, group.cut);
    let tokensAtItsEnd: number | undefined;
    try {
      if (this.#context.stopping.aborted) return;
      if (place) {
        group.begin(this.#ports.clock, () => this.#allowedSeconds(group));
        this.#yetToCome.delete(group);
        this.#ports.observe({ kind: "candidate-started", key: progress.key });
      }
      const progressed = (now: CandidateProgress) => {
        group.progressed(now);
        this.#stopIfDecided(group);
      };
      const ports = { ...this.#ports, progressed };
      const result = await reason(group.problem, progress, ports, this.#context, group.cut);
      if (result.kind === "interrupted" || this.#fault !== undefined) return;
      if (!group.cut.aborted) tokensAtItsEnd = result.candidate.tokens.completion;
      group.finish(result.candidate);
      if (result.candidate.outcome === "budget") {
        this.#endedByBudget.push({ group, candidate: result.candidate, at: this.#ports.clock.now() });
      }
      this.#ports.observe({ kind: "candidate-finished", candidate: result.candidate });
      this.#stopIfDecided(group);
      this.#concludeIfComplete(group);
    } finally {
      place?.leave(tokensAtItsEnd);
    }
  }

  /** A budget's time runs on while the engine is away. Candidates that it ends then are lost to the engine. */
  async #findLost(): Promise<void> {
    const last = this.#endedByBudget.at(-1);
    if (!this.#watch || !last || this.#context.stopping.aborted) return;
    await this.#watch.settle(last.at);
    for (const { group, candidate, at } of this.#endedByBudget) {
      const reason = this.#watch.absenceAt(at);
      if (reason === undefined) continue;
      group.finish({ ...candidate, outcome: "engine-failed", meta: { ...candidate.meta, reason } });
    }
  }

  #stopIfDecided(group: VoteGroup): void {
    const { config, rules } = this.#context;
    if (config.earlyStop === "off" || group.cut.aborted) return;
    const open = group.open.map(({ key, trace }) => {
      const answer = trace.rawAnswer === undefined ? null : ballotOf(trace.rawAnswer, config.answer);
      return { candidate: key.candidate, turns: trace.turns, ...(answer === null ? {} : { answer }) };
    });
    const confidence = config.earlyStop === "certain" ? 1 : config.earlyStop.confidence;
    const options = { ...config.vote, depth: rules.depth, afterAnswer: rules.profile.afterAnswer };
    if (confidentWinner({ ended: group.finished, open }, options, confidence)) group.cutOff("decided");
  }

  #totalSecondsLeft(): number {
    const { config, secondsSpent } = this.#context;
    const total = config.budget.totalSeconds ?? Number.POSITIVE_INFINITY;
    return Math.max(0, total - secondsSpent - (this.#ports.clock.now() - this.#beganAt) / 1000);
  }

  /** Of a group that begins now, or goes on. */
  #allowedSeconds({ secondsBefore }: VoteGroup): number {
    const { budget, schedule, sampling } = this.#context.config;
    return allowedSeconds(budget, {
      seconds: this.#totalSecondsLeft(),
      problems: Math.max(1, this.#yetToCome.size),
      allProblems: this.#groups.length,
      lanes: schedule.mode === "exam" ? 1 : Math.max(1, Math.floor(schedule.concurrency / sampling.width)),
      secondsBefore,
    });
  }

  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#endAll(); // what is in flight has nowhere to go
  }

  #endAll(): void {
    for (const group of this.#groups) group.cutOff("budget");
  }

  #concludeIfComplete(group: VoteGroup): void {
    const { config } = this.#context;
    if (!group.isComplete) return;
    group.stopClock();
    this.#yetToCome.delete(group);
    const { problem, replicate } = group;
    const rule = voteRuleOf(config);
    const { answer } = vote(group.finished, rule, lotsOf(rule, { problemId: problem.problemId, replicate }));
    const correct = answer === expectedAnswer(problem.answer, config.answer);
    this.#ports.observe({ kind: "problem-finished", problemId: problem.problemId, replicate, answer, correct });
  }
}

function* units(groups: readonly VoteGroup[]): Generator<Unit> {
  for (const group of groups) {
    for (const progress of group.open) yield { group, progress };
  }
}

/**
 * A set whose every candidate was lost to the engine has evaluated nothing: an error, never a 0 %. The candidates are
 * not written then, so that the same command tries them again.
 */
export function checkAnythingWasEvaluated(candidates: Iterable<Candidate>): void {
  const lost = new Map<string, unknown>(); // why the first of a set was
  const evaluated = new Set<string>();
  for (const { problemId, outcome, meta } of candidates) {
    const set = problemId.slice(0, problemId.indexOf("/"));
    if (outcome !== "engine-failed") evaluated.add(set);
    else if (!lost.has(set)) lost.set(set, meta?.reason);
  }
  for (const [set, reason] of lost) {
    if (evaluated.has(set)) continue;
    throw new UserError(
      `Every candidate of ${set} was lost to the engine, so nothing was evaluated. The first: ${reason}`,
      {
        hint: "`sctir doctor CONFIG` checks the engine. Run the same command again when it answers.",
        exitCode: exitCodes.unavailable,
      },
    );
  }
}
