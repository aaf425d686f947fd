import type { Candidate } from "../artifacts/candidate.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { Trace } from "../core/trace.ts";
import { type CandidateProgress, startProgress } from "./candidate-progress.ts";
import type { PackedCandidates } from "./packed-candidates.ts";
import type { Clock } from "./ports.ts";

/** Why candidates are ended that could have gone on. */
export type CutReason = "budget" | "decided";

interface VoteGroupOptions {
  width: number;
  start: Trace;
  /** The candidates that have begun and not ended. */
  begun: readonly CandidateProgress[];
  /** Those of the run that have ended: the group's are added. */
  finished: PackedCandidates;
  secondsBefore: number;
}

/** All candidates of one problem in one replicate: what is voted on together, and what a budget or an early stop ends. */
export class VoteGroup {
  readonly problem: SelectedProblem;
  readonly replicate: number;
  /** That it has had in earlier processes of the run. */
  readonly secondsBefore: number;
  readonly #width: number;
  readonly #start: Trace;
  readonly #begun: Map<number, CandidateProgress>;
  readonly #finished: PackedCandidates;
  #finishedCount: number;
  readonly #cut = new AbortController();
  #cancelTimer: (() => void) | undefined;

  constructor(problem: SelectedProblem, replicate: number, options: VoteGroupOptions) {
    this.problem = problem;
    this.replicate = replicate;
    this.secondsBefore = options.secondsBefore;
    this.#width = options.width;
    this.#start = options.start;
    this.#begun = new Map(options.begun.map((progress) => [progress.key.candidate, progress]));
    this.#finished = options.finished;
    this.#finishedCount = this.#keys.filter((key) => this.#finished.has(key)).length;
  }

  /** The candidates that have not ended, as far as they have come, by number. */
  get open(): CandidateProgress[] {
    const unfinished = this.#keys.filter((key) => !this.#finished.has(key));
    return unfinished.map((key) => this.#begun.get(key.candidate) ?? startProgress(key, this.#start));
  }

  /** By number. */
  get finished(): Candidate[] {
    return this.#keys.map((key) => this.#finished.get(key)).filter((candidate) => candidate !== undefined);
  }

  get finishedCount(): number {
    return this.#finishedCount;
  }

  get isComplete(): boolean {
    return this.#finishedCount === this.#width;
  }

  get #keys(): CandidateKey[] {
    const { problemId } = this.problem;
    return Array.from({ length: this.#width }, (_, candidate) => ({ problemId, replicate: this.replicate, candidate }));
  }

  progressed(progress: CandidateProgress): void {
    this.#begun.set(progress.key.candidate, progress);
  }

  /** Of a candidate that has ended already, this is the row that counts. */
  finish(candidate: Candidate): void {
    this.#begun.delete(candidate.candidate);
    if (!this.#finished.has(candidate)) this.#finishedCount += 1;
    this.#finished.set(candidate);
  }

  /** Aborts what is in flight, with a CutReason. */
  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  cutOff(reason: CutReason): void {
    this.#cut.abort(reason);
  }

  /** From the first call on, its candidates have so many seconds. */
  begin(clock: Clock, seconds: () => number): void {
    if (this.#cancelTimer) return;
    const allowed = seconds();
    this.#cancelTimer = () => {};
    if (allowed === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = clock.after(1000 * allowed, () => this.cutOff("budget"));
  }

  /** Its time no longer runs. */
  stopClock(): void {
    this.#cancelTimer?.();
  }
}

/** Why a signal of a group has aborted. */
export function cutReason(cut: AbortSignal): CutReason {
  return cut.reason === "decided" ? "decided" : "budget";
}
