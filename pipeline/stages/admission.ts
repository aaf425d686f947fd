import type { Clock, Engine } from "./ports.ts";

const lookEverySeconds = 5;

/**
 * The part of its expected length that a candidate is given room for. Candidates grow from nothing, each at another time,
 * so half of all they will write is in the cache at any time; a little more lets few be preempted (benchmarks/makespan.ts).
 */
const reservedShare = 0.65;

/** A candidate's place in the engine's cache, to be given back. */
export interface Place {
  /** `tokens`: how many the candidate has generated in all, if it has come to its own end. */
  leave(tokens?: number): void;
}

interface Waiting {
  tokens: number; // that it has already
  admit(place: Place): void;
}

export interface AdmissionOptions {
  engine: Pick<Engine, "load">;
  clock: Clock;
  /** What a candidate is taken to write until some have ended, in tokens. */
  firstGuess: number;
}

/**
 * Lets candidates begin in order of arrival, only as many at a time as the engine's KV cache has room for. An engine that
 * runs out preempts requests, and computes them again. A candidate has its place also while its program runs: else another
 * one would have taken its text out of the prefix cache when it comes back. Its prompt counts for nothing, as candidates
 * of one problem share it.
 *
 * One candidate is let in at any time, and all of them where the engine does not tell how much its cache holds.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #queue: Waiting[] = [];
  #inside = 0;
  #tokensInside = 0;
  #ended = 0;
  #endedTokens = 0;
  #cacheTokens = Number.POSITIVE_INFINITY;
  #cancelLook = () => {};
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Asks for the size of the cache, now and then again: servers come and go. */
  async open(): Promise<void> {
    const load = await this.#options.engine.load?.();
    if (load === undefined || this.#isClosed) return; // it does not tell, and never will
    this.#cacheTokens = load.cacheTokens ?? this.#cacheTokens;
    this.#admit();
    this.#cancelLook = this.#options.clock.after(1000 * lookEverySeconds, () => void this.open());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook();
  }

  /** `tokens`: what the candidate has written already. Undefined when `signal` aborted before its turn came. */
  enter(tokens: number, signal: AbortSignal): Promise<Place | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const giveUp = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        resolve(undefined);
        this.#admit(); // it may have stood before one that fits
      };
      const waiting: Waiting = {
        tokens,
        admit(place) {
          signal.removeEventListener("abort", giveUp);
          resolve(place);
        },
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#queue.push(waiting);
      this.#admit();
    });
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const tokens = Math.max(next.tokens, reservedShare * this.#expectedTokens());
      if (this.#inside > 0 && this.#tokensInside + tokens > this.#cacheTokens) return;
      this.#queue.shift();
      next.admit(this.#place(tokens));
    }
  }

  #place(reserved: number): Place {
    this.#inside += 1;
    this.#tokensInside += reserved;
    return {
      leave: (tokens) => {
        this.#inside -= 1;
        this.#tokensInside -= reserved;
        if (tokens !== undefined) {
          this.#ended += 1;
          this.#endedTokens += tokens;
        }
        this.#admit();
      },
    };
  }

  #expectedTokens(): number {
    // The guess counts like one candidate, so that a first short one does not open the gates.
    return (this.#options.firstGuess + this.#endedTokens) / (1 + this.#ended);
  }
}
