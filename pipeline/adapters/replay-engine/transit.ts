import type { Engine } from "../../stages/ports.ts";
import type { VirtualClock } from "../virtual-clock/virtual-clock.ts";
import { wait } from "../virtual-clock/wait.ts";

/** A request under way. Time stands still except while it is with the model. */
class Passage {
  readonly signal: AbortSignal | undefined;
  /** Resolves when time would go on: requests sent at one moment get there in the order in which they were sent. */
  readonly turn: Promise<void>;
  readonly #clock: VirtualClock;
  #release: (() => void) | undefined;
  #isOver = false;

  constructor(clock: VirtualClock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.signal = signal;
    this.turn = wait(clock, 0);
    this.hold();
    signal?.addEventListener("abort", this.hold);
  }

  readonly hold = () => {
    if (!this.#isOver) this.#release ??= this.#clock.hold();
  };

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  end(): void {
    this.#isOver = true;
    this.signal?.removeEventListener("abort", this.hold);
    this.release();
  }
}

/**
 * The HTTP exchanges between a client and a server in one process, on virtual time. Bytes take no time, and whatever
 * the sockets' order is, requests reach the model in the order in which they were sent, and one answer is with its
 * client, and all that comes of it done, before the next is given. So a run repeats exactly.
 */
export class Transit {
  readonly #clock: VirtualClock;
  readonly #passages = new Map<string, Passage>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The client's side: an engine whose requests go this way. */
  client(engine: Engine): Engine {
    const { load } = engine;
    return {
      ...engine,
      connect: () => this.#clock.during(engine.connect()),
      generate: async (request) => {
        const passage = new Passage(this.#clock, request.signal);
        this.#passages.set(request.requestId, passage);
        try {
          return await engine.generate(request);
        } finally {
          this.#passages.delete(request.requestId);
          passage.end();
        }
      },
      ...(load ? { load: () => this.#clock.during(load()) } : {}),
    };
  }

  /** The server's side: what it does at a request takes virtual time, and ends at once when its client gives it up. */
  async serve<Result>(
    requestId: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const passage = this.#passages.get(requestId);
    if (!passage) return work(signal);
    passage.release();
    await passage.turn;
    try {
      return await work(passage.signal ? AbortSignal.any([signal, passage.signal]) : signal);
    } finally {
      await wait(this.#clock, 0);
      passage.hold();
    }
  }
}
