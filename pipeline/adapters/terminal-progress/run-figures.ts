import { candidateKey } from "../../artifacts/identifier.ts";
import type { GenerateEvent } from "../../stages/ports.ts";

/** The figures of a run in progress, kept up to date by its events. */
export class RunFigures {
  problems = 0;
  problemsDone = 0;
  correct = 0;
  candidates = 0;
  candidatesDone = 0;
  lost = 0;
  /** Why the engine is away, while it is. */
  away: string | undefined;
  readonly #inFlight = new Set<string>();
  readonly #startedAt: number;
  #doneBefore = 0;
  #recent: { at: number; tokens: number }[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  apply(event: GenerateEvent): void {
    switch (event.kind) {
      case "started":
        this.problems = event.problems;
        this.candidates = event.candidates;
        this.candidatesDone = event.finished;
        this.#doneBefore = event.finished;
        break;
      case "candidate-started":
        this.#inFlight.add(candidateKey(event.key));
        break;
      case "turn":
        this.#recent.push({ at: this.#now(), tokens: event.row.tokens.completion });
        break;
      case "candidate-finished":
        this.#inFlight.delete(candidateKey(event.candidate)); // one that a budget or an early stop ended may never have begun
        this.candidatesDone += 1;
        if (event.candidate.outcome === "engine-failed") this.lost += 1;
        break;
      case "engine-away":
        this.away = event.reason;
        break;
      case "engine-back":
        this.away = undefined;
        break;
      case "problem-finished":
        this.problemsDone += 1;
        if (event.correct) this.correct += 1;
        break;
    }
  }

  /** Generated tokens per second over the last minute, or since the start if that is later. */
  get tokensPerSecond(): number {
    const now = this.#now();
    this.#recent = this.#recent.filter(({ at }) => now - at <= windowMilliseconds);
    const seconds = Math.min(windowMilliseconds, Math.max(1, now - this.#startedAt)) / 1000;
    return this.#recent.reduce((sum, { tokens }) => sum + tokens, 0) / seconds;
  }

  /** Seconds left at the pace so far in this process; undefined before anything has finished. */
  get secondsLeft(): number | undefined {
    const done = this.candidatesDone - this.#doneBefore;
    if (done === 0) return undefined;
    const secondsEach = (this.#now() - this.#startedAt) / 1000 / done;
    return (this.candidates - this.candidatesDone) * secondsEach;
  }

  /** The figures in one line, for a terminal or a log. */
  get line(): string {
    const accuracy = this.problemsDone === 0 ? "–" : `${((100 * this.correct) / this.problemsDone).toFixed(1)} %`;
    const left = this.secondsLeft === undefined ? "–" : duration(this.secondsLeft);
    const lost = this.lost === 0 ? "" : ` · ${this.lost} lost to the engine`;
    const away = this.away === undefined ? "" : ` · waiting for the engine: ${this.away}`;
    return (
      `${this.problemsDone}/${this.problems} problems · ${this.candidatesDone}/${this.candidates} candidates` +
      ` (${this.#inFlight.size} in flight) · ${Math.round(this.tokensPerSecond)} tokens/s · accuracy so far ${accuracy}` +
      ` · ${left} left${lost}${away}`
    );
  }
}

const windowMilliseconds = 60_000;

/** `47 s`, `3 min 20 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
