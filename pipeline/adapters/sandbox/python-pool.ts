import { availableParallelism } from "node:os";
import type { ExecutionOutcome } from "../../artifacts/execution.ts";
import type { PythonExecution, PythonRequest, PythonSandbox, SandboxDescription } from "../../stages/ports.ts";
import { findInterpreter } from "./interpreter.ts";
import { type Confinement, findConfinement } from "./isolation.ts";
import { WorkerProcess } from "./worker-process.ts";
import type { Ready } from "./worker-protocol.ts";

export interface PythonSandboxOptions {
  /** How many programs run at the same time [the number of cores]. */
  size?: number;
  /** Run programs also where nothing keeps them from the user's files [false]. */
  allowUnsafe?: boolean;
  /** auto: bubblewrap where it works, else the kernel's limits [auto]. */
  isolation?: "auto" | "bubblewrap" | "limits";
  /** When a worker that does not answer is given up, in seconds after its program's time was up [30]. */
  graceSeconds?: number;
}

/**
 * A pool of fork servers for model-written Python. Workers start when they are first needed.
 *
 * Throws a UserError (exit code 3) where there is no usable Python or nothing to confine it with.
 */
export async function openPythonSandbox({
  size = availableParallelism(),
  allowUnsafe = false,
  isolation = "auto",
  graceSeconds = 30,
}: PythonSandboxOptions = {}): Promise<PythonSandbox> {
  const interpreter = await findInterpreter();
  const confinement = await findConfinement(interpreter, { isolation, allowUnsafe });
  return new WorkerPool(confinement, Math.max(1, size), graceSeconds);
}

type ReadyWorker = WorkerProcess & { ready: Ready };

/** A place for one worker, which is started at its first use and after a death. */
interface Place {
  number: number;
  worker?: Promise<ReadyWorker> | undefined;
}

interface Waiting {
  take(place: Place): void;
  leave(reason: unknown): void;
}

class WorkerPool implements PythonSandbox {
  readonly #confinement: Confinement;
  readonly #graceSeconds: number;
  readonly #places: readonly Place[];
  readonly #free: Place[];
  readonly #queue: Waiting[] = []; // first come, first served
  #closing: Promise<void> | undefined;

  constructor(confinement: Confinement, size: number, graceSeconds: number) {
    this.#confinement = confinement;
    this.#graceSeconds = graceSeconds;
    this.#places = Array.from({ length: size }, (_, number) => ({ number }));
    this.#free = this.#places.toReversed(); // a stack: a worker that is warm comes before one that is yet to start
  }

  async describe(): Promise<SandboxDescription> {
    // All of them: what is asked to run next should not pay for a start.
    const [first] = await Promise.all(this.#places.map((place) => this.#workerAt(place)));
    if (!first) throw new Error("A pool has at least one place.");
    return { ...first.ready, isolation: this.#confinement.isolation };
  }

  async execute(request: PythonRequest): Promise<PythonExecution> {
    const place = await this.#takePlace(request.signal);
    try {
      return await this.#executeAt(place, request);
    } finally {
      this.#givePlace(place);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const waiting of this.#queue.splice(0)) waiting.leave(closedError());
    const started = await Promise.allSettled(this.#places.map(({ worker }) => worker));
    await Promise.all(started.map((result) => (result.status === "fulfilled" ? result.value?.close() : undefined)));
  }

  /** Runs a program again, once, if its worker died; the second time it is the program's doing. */
  async #executeAt(place: Place, request: PythonRequest): Promise<PythonExecution> {
    for (const isLast of [false, true]) {
      const worker = await this.#workerAt(place);
      request.signal?.throwIfAborted();
      if (this.#closing) throw closedError();
      const reply = await worker.execute(request, this.#graceSeconds);
      if (reply === "no-answer") {
        await this.#discard(place, worker);
        request.signal?.throwIfAborted();
        return withoutReply("timeout", 1000 * request.timeoutSeconds);
      }
      if (reply === "worker-died") {
        await this.#discard(place, worker);
        request.signal?.throwIfAborted();
        if (isLast) break;
        continue;
      }
      const { id: _, outcome, ...execution } = reply;
      if (outcome !== "aborted") return { outcome, ...execution };
      request.signal?.throwIfAborted();
      throw new Error("The sandbox aborted a program unasked.");
    }
    if (this.#closing) throw closedError();
    return withoutReply("crashed", 0);
  }

  async #workerAt(place: Place): Promise<ReadyWorker> {
    if (this.#closing) throw closedError();
    const present = await place.worker;
    if (present?.alive) return present;
    if (present) place.worker = undefined; // it died while it had nothing to do
    place.worker ??= this.#confinement.launch(place.number).then((launch) => WorkerProcess.start(launch));
    try {
      return await place.worker;
    } catch (error) {
      place.worker = undefined;
      throw error;
    }
  }

  async #discard(place: Place, worker: WorkerProcess): Promise<void> {
    place.worker = undefined;
    await worker.kill();
  }

  #takePlace(signal: AbortSignal | undefined): Promise<Place> {
    return new Promise((resolve, reject) => {
      if (this.#closing) return reject(closedError());
      if (signal?.aborted) return reject(signal.reason);
      const place = this.#free.pop();
      if (place) return resolve(place);

      const leaveQueue = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        take(place) {
          signal?.removeEventListener("abort", leaveQueue);
          resolve(place);
        },
        leave: reject,
      };
      signal?.addEventListener("abort", leaveQueue, { once: true });
      this.#queue.push(waiting);
    });
  }

  #givePlace(place: Place): void {
    const next = this.#queue.shift();
    if (next) next.take(place);
    else this.#free.push(place);
  }
}

function closedError(): Error {
  return new Error("The Python sandbox has been closed.");
}

function withoutReply(outcome: ExecutionOutcome, milliseconds: number): PythonExecution {
  return { outcome, stdout: "", stderr: "", outputBytes: 0, milliseconds, cpuMilliseconds: 0, peakMemoryMiB: 0 };
}
