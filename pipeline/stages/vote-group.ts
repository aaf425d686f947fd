import type { Candidate } from "../artifacts/candidate.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { CandidateProgress } from "./candidate-progress.ts";
import type { Clock } from "./ports.ts";

/** Why candidates are ended that could have gone on. */
export type CutReason = "budget" | "decided";

interface VoteGroupStart {
  open: readonly CandidateProgress[];
  finished: readonly Candidate[];
  secondsBefore: number;
}

/** All candidates of one problem in one replicate: what is voted on together, and what a budget or an early stop ends. */
export class VoteGroup {
  readonly problem: SelectedProblem;
  readonly replicate: number;
  readonly finished: Candidate[];
  /** That it has had in earlier processes of the run. */
  readonly secondsBefore: number;
  readonly #open: Map<number, CandidateProgress>;
  readonly #cut = new AbortController();
  #cancelTimer: (() => void) | undefined;

  constructor(problem: SelectedProblem, replicate: number, { open, finished, secondsBefore }: VoteGroupStart) {
    this.problem = problem;
    this.replicate = replicate;
    this.finished = [...finished];
    this.#open = new Map(open.map((progress) => [progress.key.candidate, progress]));
    this.secondsBefore = secondsBefore;
  }

  /** The candidates that have not ended, as far as they have come. */
  get open(): CandidateProgress[] {
    return [...this.#open.values()];
  }

  progressed(progress: CandidateProgress): void {
    this.#open.set(progress.key.candidate, progress);
  }

  finish(candidate: Candidate): void {
    this.#open.delete(candidate.candidate);
    this.finished.push(candidate);
  }

  /** Puts another row in the place of a finished candidate's. */
  replace(candidate: Candidate, other: Candidate): void {
    this.finished[this.finished.indexOf(candidate)] = other;
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
