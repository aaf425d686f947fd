import type { Clock, Engine } from "./ports.ts";

const lookEverySeconds = 5;

/** Of the cache that is handed out: what lies between is for guesses that were too low. */
const fullShare = 0.95;
const leastShare = 0.3;

/** A request's leave to go to the engine. It is given back when the answer is there. */
export interface Slot {
  /** How many tokens were generated, where that is known. */
  leave(completionTokens?: number): void;
}

interface Waiting {
  tokens: number; // of its prompt
  admit(slot: Slot): void;
}

export interface AdmissionOptions {
  engine: Pick<Engine, "load">;
  clock: Clock;
  /** Requests in flight at most. */
  slots: number;
  /** What an answer is taken to be long until answers have been seen, in tokens. */
  maxTokens: number;
}

/**
 * Lets requests to the engine: `slots` at a time, those of candidates that are under way before those of new ones, each
 * kind in order of arrival. A candidate that comes back from its Python block so finds its text still in the prefix cache.
 *
 * Where the engine tells how many tokens its KV cache holds, only as many requests are let in as will fit, by their prompts
 * and the mean length of the answers so far: an engine that runs out preempts requests and computes them again. Where it
 * preempts some nevertheless, fewer are let in, until it has ceased to. One request is let in at any time. An engine that
 * tells nothing, or nonsense, has its slots filled.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #queues = { underWay: [] as Waiting[], fresh: [] as Waiting[] };
  #inFlight = 0;
  #tokensInFlight = 0;
  #answers = 0;
  #answerTokens = 0;
  #cacheTokens = Number.POSITIVE_INFINITY;
  #share = fullShare;
  #preemptions: number | undefined;
  #cancelLook = () => {};
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Begins to look at the engine's load, if it tells. */
  async open(): Promise<void> {
    await this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook();
  }

  /** Undefined when `signal` aborted before its turn came. */
  enter(kind: "underWay" | "fresh", promptTokens: number, signal: AbortSignal): Promise<Slot | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const queue = this.#queues[kind];
      const giveUp = () => {
        queue.splice(queue.indexOf(waiting), 1);
        resolve(undefined);
        this.#admit(); // it may have stood before one that fits
      };
      const waiting: Waiting = {
        tokens: promptTokens,
        admit(slot) {
          signal.removeEventListener("abort", giveUp);
          resolve(slot);
        },
      };
      signal.addEventListener("abort", giveUp, { once: true });
      queue.push(waiting);
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const queue = this.#queues.underWay.length > 0 ? this.#queues.underWay : this.#queues.fresh;
      const next = queue[0];
      if (next === undefined) return;
      const tokens = next.tokens + this.#expectedAnswer();
      if (this.#inFlight > 0 && !this.#hasRoom(tokens)) return;
      queue.shift();
      next.admit(this.#slot(tokens));
    }
  }

  #hasRoom(tokens: number): boolean {
    const slots = Number.isFinite(this.#cacheTokens)
      ? this.#options.slots
      : this.#options.slots * (this.#share / fullShare);
    return this.#inFlight + 1 <= slots && this.#tokensInFlight + tokens <= this.#cacheTokens * this.#share;
  }

  #slot(tokens: number): Slot {
    this.#inFlight += 1;
    this.#tokensInFlight += tokens;
    return {
      leave: (completionTokens) => {
        this.#inFlight -= 1;
        this.#tokensInFlight -= tokens;
        if (completionTokens !== undefined) {
          this.#answers += 1;
          this.#answerTokens += completionTokens;
        }
        this.#admit();
      },
    };
  }

  #expectedAnswer(): number {
    // The guess counts like one answer, so that a first short one does not open the gates.
    return (this.#options.maxTokens / 2 + this.#answerTokens) / (1 + this.#answers);
  }

  async #look(): Promise<void> {
    const load = await this.#options.engine.load?.();
    if (load === undefined || this.#isClosed) return; // it tells nothing: that will not change
    this.#cacheTokens = load.cacheTokens ?? Number.POSITIVE_INFINITY;
    if (load.preemptions !== undefined) {
      const more = load.preemptions - (this.#preemptions ?? load.preemptions);
      this.#preemptions = load.preemptions;
      this.#share = more > 0 ? Math.max(leastShare, 0.8 * this.#share) : Math.min(fullShare, this.#share + 0.02);
    }
    this.#admit();
    this.#cancelLook = this.#options.clock.after(1000 * lookEverySeconds, () => void this.#look());
  }
}
