import { availableParallelism } from "node:os";
import type { ExecutionOutcome } from "../../artifacts/execution.ts";
import type { PythonExecution, PythonRequest, PythonSandbox, SandboxDescription } from "../../stages/ports.ts";
import { findInterpreter } from "./interpreter.ts";
import { type Confinement, findConfinement, sessionsPerWorker } from "./isolation.ts";
import { type LiveSession, LiveSessions } from "./live-sessions.ts";
import { missingLibraries } from "./preloaded-modules.ts";
import { type NoReply, WorkerProcess } from "./worker-process.ts";
import type { Ready, Reply } from "./worker-protocol.ts";

export interface PythonSandboxOptions {
  /** How many programs run at the same time [the number of cores]. */
  size?: number;
  /** Run programs also where nothing keeps them from the user's files [false]. */
  allowUnsafe?: boolean;
  /** auto: bubblewrap where it works, else the kernel's limits [auto]. */
  isolation?: "auto" | "bubblewrap" | "limits";
  /** When a worker that does not answer is given up, in seconds after its program's time was up [30]. */
  graceSeconds?: number;
  /** Modules that are imported once for all programs; each must be there [the usual libraries, those that are there]. */
  preload?: readonly string[] | undefined;
  /** How many sessions live at the same time; those used longest ago end first and are rebuilt when needed [64]. */
  maxSessions?: number;
  /** How long a session waits for its next block [600]. */
  sessionIdleSeconds?: number;
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
  preload,
  maxSessions = 64,
  sessionIdleSeconds = 600,
}: PythonSandboxOptions = {}): Promise<PythonSandbox> {
  const interpreter = await findInterpreter();
  const confinement = await findConfinement(interpreter, { isolation, allowUnsafe, preload });
  const sessions = new LiveSessions<ReadyWorker, Place>(maxSessions, sessionIdleSeconds);
  return new WorkerPool(confinement, Math.max(1, size), graceSeconds, sessions, maxSessions);
}

type ReadyWorker = WorkerProcess & { ready: Ready };

/** A place for one worker, which is started at its first use and after a death. */
interface Place {
  number: number;
  worker?: Promise<ReadyWorker> | undefined;
}

type Program = Omit<PythonRequest, "session">;
type Session = LiveSession<ReadyWorker, Place>;

interface Waiting {
  home: Place | undefined; // the only place that will do
  take(place: Place): void;
  leave(reason: unknown): void;
}

class WorkerPool implements PythonSandbox {
  readonly #confinement: Confinement;
  readonly #graceSeconds: number;
  readonly #places: readonly Place[];
  readonly #free: Place[];
  readonly #queue: Waiting[] = []; // first come, first served
  readonly #sessions: LiveSessions<ReadyWorker, Place>;
  readonly #sessionsPerWorker: number;
  #closing: Promise<void> | undefined;

  constructor(
    confinement: Confinement,
    size: number,
    graceSeconds: number,
    sessions: LiveSessions<ReadyWorker, Place>,
    maxSessions: number,
  ) {
    this.#confinement = confinement;
    this.#graceSeconds = graceSeconds;
    this.#sessions = sessions;
    this.#sessionsPerWorker = Math.min(maxSessions, sessionsPerWorker(size));
    this.#places = Array.from({ length: size }, (_, number) => ({ number }));
    this.#free = this.#places.toReversed(); // a stack: a worker that is warm comes before one that is yet to start
  }

  async describe(): Promise<SandboxDescription & { notes: string[] }> {
    // All of them: what is asked to run next should not pay for a start.
    const [first] = await Promise.all(this.#places.map((place) => this.#workerAt(place)));
    if (!first) throw new Error("A pool has at least one place.");
    const { python, packages, notImported } = first.ready;
    const notes = missingLibraries(notImported, this.#confinement.interpreter);
    return { python, packages, isolation: this.#confinement.isolation, notes };
  }

  async execute(request: PythonRequest): Promise<PythonExecution> {
    const { session: key, ...program } = request;
    const place = await this.#takePlace(request.signal, key);
    try {
      return await (key === undefined ? this.#executeAt(place, program) : this.#executeInSession(place, key, program));
    } finally {
      this.#givePlace(place);
    }
  }

  endSession(key: string): void {
    this.#sessions.end(key);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sessions.clear(); // they end with their workers
    for (const waiting of this.#queue.splice(0)) waiting.leave(closedError());
    const started = await Promise.allSettled(this.#places.map(({ worker }) => worker));
    await Promise.all(started.map((result) => (result.status === "fulfilled" ? result.value?.close() : undefined)));
  }

  /** Runs a program again, once, if its worker died; the second time it is the program's doing. */
  async #executeAt(place: Place, request: Program): Promise<PythonExecution> {
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
      return executionOf(reply, request.signal);
    }
    if (this.#closing) throw closedError();
    return withoutReply("crashed", 0);
  }

  /** Runs a block in its live session, or in one that is rebuilt. Once again, like a program, if its worker died. */
  async #executeInSession(place: Place, key: string, request: Program): Promise<PythonExecution> {
    for (const isLast of [false, true]) {
      const worker = await this.#workerAt(place);
      if (worker.ready.sessions === 0) return this.#executeAt(place, request);
      const live = this.#sessions.take(key, worker, request.earlier);
      const session = live ?? this.#sessions.open(key, worker, place, worker.ready.sessions);
      const result = await this.#inSession(session, live === undefined, request).catch((error: unknown) => {
        this.#sessions.forget(session);
        worker.endSession(session.number);
        throw error;
      });
      if (typeof result === "object") return result;
      this.#sessions.forget(session);
      if (result !== "gone") await this.#discard(place, worker);
      request.signal?.throwIfAborted();
      if (result === "no-answer") return withoutReply("timeout", 1000 * request.timeoutSeconds);
      if (isLast) break;
    }
    if (this.#closing) throw closedError();
    return withoutReply("crashed", 0);
  }

  async #inSession(
    session: Session,
    isNew: boolean,
    { earlier, signal, ...limits }: Program,
  ): Promise<PythonExecution | NoReply | "gone"> {
    const run = async (code: string, block: number, how: { isNew: boolean; interrupt: boolean }) => {
      signal?.throwIfAborted();
      if (this.#closing) throw closedError();
      const task = { ...limits, ...how, code, block, earlier: [], session: session.number };
      const reply = await session.worker.execute(signal ? { ...task, signal } : task, this.#graceSeconds);
      if (typeof reply === "string") return reply;
      if (reply.outcome === "gone") return "gone";
      return { execution: executionOf(reply, signal), session: reply.session };
    };

    // A block that ended its session would do so again: it is left out the next time.
    const fatal = new Set<number>();
    const reruns: PythonExecution[] = [];
    let isEmpty = isNew;
    for (let index = 0; isNew && index < earlier.length; index++) {
      if (fatal.has(index)) continue;
      const rerun = await run(earlier[index] ?? "", index + 1, { isNew: isEmpty, interrupt: true });
      if (typeof rerun === "string") return rerun;
      reruns[index] = rerun.execution;
      isEmpty = rerun.session === "ended";
      if (!isEmpty) continue;
      fatal.add(index);
      index = -1; // from the first
    }

    const ran = await run(limits.code, earlier.length + 1, { isNew: isEmpty, interrupt: false });
    if (typeof ran === "string") return ran;
    if (ran.session === "light") {
      this.#sessions.keep(session, [...earlier, limits.code]);
    } else {
      this.#sessions.forget(session);
      if (ran.session === "heavy") session.worker.endSession(session.number);
    }
    return reruns.length > 0 ? { ...ran.execution, reruns } : ran.execution;
  }

  async #workerAt(place: Place): Promise<ReadyWorker> {
    if (this.#closing) throw closedError();
    const present = await place.worker;
    if (present?.alive) return present;
    if (present) place.worker = undefined; // it died while it had nothing to do
    place.worker ??= this.#confinement
      .launch(place.number, this.#sessionsPerWorker)
      .then((launch) => WorkerProcess.start(launch));
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

  /** The one where the session of this key lives, else any. */
  #takePlace(signal: AbortSignal | undefined, key: string | undefined): Promise<Place> {
    return new Promise((resolve, reject) => {
      if (this.#closing) return reject(closedError());
      if (signal?.aborted) return reject(signal.reason);
      const home = key === undefined ? undefined : this.#sessions.placeOf(key);
      const place = this.#freePlace(home, key !== undefined);
      if (place) return resolve(place);

      const leaveQueue = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        home,
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

  #freePlace(home: Place | undefined, isForSession: boolean): Place | undefined {
    const counts = this.#free.map((place) => (isForSession ? this.#sessions.countAt(place) : 0));
    const index = home ? this.#free.indexOf(home) : counts.lastIndexOf(Math.min(...counts));
    return index === -1 ? undefined : this.#free.splice(index, 1)[0];
  }

  #givePlace(place: Place): void {
    const index = this.#queue.findIndex(({ home }) => home === undefined || home === place);
    if (index === -1) this.#free.push(place);
    else this.#queue.splice(index, 1)[0]?.take(place);
  }
}

/** Of an aborted program, throws the signal's reason. */
function executionOf(reply: Reply, signal: AbortSignal | undefined): PythonExecution {
  if (reply.outcome === "gone") throw new Error("The sandbox took a program for a session's.");
  const { id: _, session: __, outcome, ...execution } = reply;
  if (outcome !== "aborted") return { outcome, ...execution };
  signal?.throwIfAborted();
  throw new Error("The sandbox aborted a program unasked.");
}

function closedError(): Error {
  return new Error("The Python sandbox has been closed.");
}

function withoutReply(outcome: ExecutionOutcome, milliseconds: number): PythonExecution {
  return { outcome, stdout: "", stderr: "", outputBytes: 0, milliseconds, cpuMilliseconds: 0, peakMemoryMiB: 0 };
}
