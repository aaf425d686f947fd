import type { Clock } from "../../stages/ports.ts";

interface Timer {
  at: number;
  callback: () => void;
}

/** What a callback sets off has gone as far as it can without waiting after so many rounds of the event loop. */
const quietRounds = 2;

/**
 * Time that passes only while nothing real is going on: whatever computes, or waits for a file, a socket or a program
 * under a hold, takes none. Then the next timer fires, alone, and what it sets off goes on as far as it can before the
 * next one does. Timers of one moment fire in the order in which they were set.
 *
 * A callback that throws is an uncaught exception, as with `setTimeout`; the clock goes on.
 */
export class VirtualClock implements Clock {
  #now: number;
  #holds = 0;
  #isSettling = false;
  readonly #timers: Timer[] = []; // by time, then by when they were set

  /** `now` is what the clock shows first, in milliseconds. */
  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, milliseconds), callback };
    let index = this.#timers.length; // most are set for later than those there are
    while (index > 0 && (this.#timers[index - 1]?.at ?? 0) > timer.at) index -= 1;
    this.#timers.splice(index, 0, timer);
    this.#settle();
    return () => {
      const found = this.#timers.indexOf(timer);
      if (found >= 0) this.#timers.splice(found, 1);
    };
  }

  /** Time stands still until the returned function is called. */
  hold(): () => void {
    this.#holds += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds -= 1;
      this.#settle();
    };
  }

  /** Time stands still until a promise is settled. Gives the promise's own outcome. */
  async during<Value>(promise: Promise<Value>): Promise<Value> {
    const release = this.hold();
    try {
      return await promise;
    } finally {
      release();
    }
  }

  #settle(rounds = quietRounds): void {
    if (this.#isSettling || this.#holds > 0 || this.#timers.length === 0) return;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      if (rounds > 1) this.#settle(rounds - 1);
      else if (this.#holds === 0) this.#fireNext();
    });
  }

  #fireNext(): void {
    const timer = this.#timers.shift();
    if (!timer) return;
    this.#now = timer.at;
    try {
      timer.callback();
    } finally {
      this.#settle();
    }
  }
}
