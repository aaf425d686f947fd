/** Where a session lives: a worker that can be told to end it. */
interface Home {
  readonly alive: boolean;
  endSession(number: number): void;
}

export interface LiveSession<Worker extends Home, Place> {
  key: string;
  /** What its worker knows it by; none is used twice. */
  number: number;
  worker: Worker;
  place: Place;
  /** Those it has run. */
  blocks: readonly string[];
  isBusy: boolean;
  timer?: NodeJS.Timeout;
}

/** The sessions of a pool, the one that was used longest ago first. */
export class LiveSessions<Worker extends Home, Place> {
  readonly #atMost: number;
  readonly #idleSeconds: number;
  readonly #sessions = new Map<string, LiveSession<Worker, Place>>();
  #nextNumber = 1;

  constructor(atMost: number, idleSeconds: number) {
    this.#atMost = atMost;
    this.#idleSeconds = idleSeconds;
  }

  placeOf(key: string): Place | undefined {
    return this.#sessions.get(key)?.place;
  }

  countAt(place: Place): number {
    return [...this.#sessions.values()].filter((session) => session.place === place).length;
  }

  /** The session of this key, to run its next block, if it has run just these. One that has run others is ended. */
  take(key: string, worker: Worker, blocks: readonly string[]): LiveSession<Worker, Place> | undefined {
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    const fits = session.worker === worker && worker.alive && isSame(session.blocks, blocks);
    if (!fits) {
      this.end(key);
      return undefined;
    }
    clearTimeout(session.timer);
    session.isBusy = true;
    return session;
  }

  /** A new one in place of any other of this key. Makes room for it by ending those that were used longest ago. */
  open(key: string, worker: Worker, place: Place, atMostThere: number): LiveSession<Worker, Place> {
    this.end(key);
    while (this.countAt(place) >= atMostThere && this.#endOldest((session) => session.place === place));
    while (this.#sessions.size >= this.#atMost && this.#endOldest(() => true));
    const session = { key, number: this.#nextNumber++, worker, place, blocks: [], isBusy: true };
    this.#sessions.set(key, session);
    return session;
  }

  /** Keeps a session for its next block. */
  keep(session: LiveSession<Worker, Place>, blocks: readonly string[]): void {
    if (this.#sessions.get(session.key) !== session) {
      session.worker.endSession(session.number); // asked for meanwhile
      return;
    }
    this.#sessions.delete(session.key);
    this.#sessions.set(session.key, session); // at the end now
    session.blocks = blocks;
    session.isBusy = false;
    session.timer = setTimeout(() => this.end(session.key), this.#idleSeconds * 1000).unref();
  }

  end(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    clearTimeout(session.timer);
    this.#sessions.delete(key);
    if (!session.isBusy) session.worker.endSession(session.number); // else `keep` or its worker does
  }

  /** Forgets one that its worker has ended, or that goes with its worker. */
  forget(session: LiveSession<Worker, Place>): void {
    if (this.#sessions.get(session.key) === session) this.#sessions.delete(session.key);
  }

  clear(): void {
    for (const { timer } of this.#sessions.values()) clearTimeout(timer);
    this.#sessions.clear();
  }

  #endOldest(isMeant: (session: LiveSession<Worker, Place>) => boolean): boolean {
    const oldest = [...this.#sessions.values()].find((session) => !session.isBusy && isMeant(session));
    if (oldest) this.end(oldest.key);
    return oldest !== undefined;
  }
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((block, index) => block === others[index]);
}
