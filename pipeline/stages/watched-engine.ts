import { exitCodes, UserError } from "../core/user-error.ts";
import type { Clock, Engine, Generation, GenerationRequest, NoGeneration, Observe, Refusal } from "./ports.ts";

const lookEverySecondsAtMost = 5;
const looksPerPatience = 20;

/** A request that fails so often although the engine serves others in between is at fault itself. */
const failuresAtMost = 3;

/** A request under which the engine goes away so often may be why it does. */
const outagesAtMost = 8;

/** No request of so many problems in a row was answered, whatever the engine does with a single token. */
const failedProblemsAtMost = 8;

/** What a look at the engine found: it serves, now or again. */
type Found = "there" | "back";

/** Why the engine serves nobody. */
interface EngineFault {
  reason: string;
  /** Of a request that it should have served; undefined where there was no server to send one to. */
  request?: { refusal: Refusal | undefined };
}

/** One look-out for all whose requests have failed. A look that nobody waits for any more goes on to its end. */
interface LookOut {
  found: Promise<Found>;
  /** Why the first of them failed. */
  reason: string;
  waiting: number;
  /** Aborts once somebody was served. */
  served: AbortController;
  /** Ends the pause between two looks. */
  wake: () => void;
}

type EngineFailed = Extract<NoGeneration, { kind: "engine-failed" }>;

interface Absence {
  /** The engine had served last at `from`, and served next at `to`. */
  from: number;
  to: number;
  reason: string;
}

interface WatchedEngineOptions {
  engine: Engine;
  clock: Clock;
  observe: Observe;
  patienceSeconds: number;
  stopping: AbortSignal;
}

/**
 * An engine whose own faults are told from those of a request, so that a bad engine costs time and nothing else. A
 * request that failed is its candidate's fault only if the engine serves another one after it: one that is under way, or
 * the last that was served, sent once more for a single token. As long as it serves none it is away: all wait, a
 * look is taken every five seconds, and when it is back the requests are sent again. An engine that is away for longer
 * than `patienceSeconds` ends the run with a UserError, and the run can be resumed. So does one that refuses everything
 * before it has served anything, and one that serves single tokens only.
 */
export class WatchedEngine implements Engine {
  readonly load?: NonNullable<Engine["load"]>;
  readonly #options: WatchedEngineOptions;
  readonly #absences: Absence[] = [];
  #away: (Absence & { since: number }) | undefined; // outlasts a look-out: budgets may end all requests that wait
  #lookOut: LookOut | undefined;
  #lastServed: GenerationRequest | undefined;
  #servedAt: number;
  readonly #failedProblems = new Set<string>(); // since a candidate was served
  readonly #lookEverySeconds: number;
  #active = 0;

  constructor(options: WatchedEngineOptions) {
    this.#options = options;
    this.#servedAt = options.clock.now();
    this.#lookEverySeconds = Math.min(lookEverySecondsAtMost, options.patienceSeconds / looksPerPatience);
    const { engine } = options;
    if (engine.load) this.load = engine.load.bind(engine);
  }

  connect() {
    return this.#options.engine.connect();
  }

  close() {
    return this.#options.engine.close();
  }

  async generate(request: GenerationRequest): Promise<Generation | NoGeneration> {
    this.#active += 1;
    try {
      return await this.#persist(request);
    } finally {
      this.#active -= 1;
    }
  }

  /**
   * Why the engine was away at a moment; undefined if it was not. Call `settle` first, with the latest moment that is
   * asked for: that it went away may not be known yet.
   */
  absenceAt(moment: number): string | undefined {
    const absences = this.#away ? [...this.#absences, this.#away] : this.#absences;
    return absences.find(({ from, to }) => from <= moment && moment <= to)?.reason;
  }

  async settle(moment: number): Promise<void> {
    if (this.#away || moment <= this.#servedAt) return;
    if (this.#lookOut) this.#goesAway(this.#lookOut);
    else await this.connect().catch((error: unknown) => this.#goesAway({ reason: messageOf(error) }));
  }

  async #persist(request: GenerationRequest): Promise<Generation | NoGeneration> {
    const { engine, clock, patienceSeconds, stopping } = this.#options;
    let failures = 0;
    let outages = 0;
    let failedSince: number | undefined;
    for (;;) {
      const generation = await engine.generate(request);
      if (generation.kind === "generation") this.#serves(request);
      if (generation.kind !== "engine-failed") return generation;

      const signal = request.signal ? AbortSignal.any([request.signal, stopping]) : stopping;
      failedSince ??= clock.now();
      const found = await this.#waitFor(request, generation.reason, signal);
      if (found === "aborted") return { kind: "aborted" };
      if (found === "back") {
        outages += 1;
        if (outages >= outagesAtMost) return this.#giveUp(request, generation);
        failures = 0;
        failedSince = undefined;
        continue;
      }
      failures += 1;
      // Neither is about this request. One of several servers behind an address may lack the key, for example.
      const mayPass = generation.refusal === "access" || generation.refusal === "overload";
      const isOwnFault = mayPass ? clock.now() - failedSince >= 1000 * patienceSeconds : failures >= failuresAtMost;
      if (isOwnFault) return this.#giveUp(request, generation);
      if (mayPass) await pause(clock, this.#lookEverySeconds, signal);
    }
  }

  /** A refusal says what is wrong with a request. Any other failure could be the engine's after all. */
  #giveUp({ requestId }: GenerationRequest, failed: EngineFailed): EngineFailed {
    const { reason, refusal } = failed;
    if (refusal !== "request") this.#failedProblems.add(requestId.split(":").slice(0, -3).join(":"));
    if (this.#failedProblems.size >= failedProblemsAtMost) throw engineGone({ reason, request: { refusal } });
    return failed;
  }

  /** Until the engine serves somebody. Throws a UserError if that takes too long. */
  async #waitFor(request: GenerationRequest, reason: string, signal: AbortSignal): Promise<Found | "aborted"> {
    this.#lookOut ??= this.#startLookOut(request, reason);
    const lookOut = this.#lookOut;
    lookOut.waiting += 1;
    try {
      return await untilAborted(lookOut.found, signal);
    } finally {
      lookOut.waiting -= 1;
      if (lookOut.waiting === 0) lookOut.wake();
    }
  }

  #startLookOut(request: GenerationRequest, reason: string): LookOut {
    const served = new AbortController();
    const lookOut: LookOut = { reason, waiting: 0, served, wake: () => {}, found: Promise.resolve("there") };
    lookOut.found = this.#look(request, lookOut).finally(() => {
      if (this.#lookOut === lookOut) this.#lookOut = undefined;
    });
    lookOut.found.catch(() => {}); // those who still wait hear of it
    return lookOut;
  }

  async #look(request: GenerationRequest, lookOut: LookOut): Promise<Found> {
    const { clock, patienceSeconds } = this.#options;
    const { signal } = lookOut.served;
    for (let look = 0; ; look += 1) {
      const fault = await untilAborted(this.#findFault(request, signal), signal);
      if (fault === undefined || fault === "aborted") return look === 0 ? "there" : "back";
      const away = this.#goesAway(fault);
      const isOver = clock.now() - away.since >= 1000 * patienceSeconds;
      const refusesAll = isForGood(fault.request?.refusal) && lookOut.waiting === this.#active;
      if (isOver || (refusesAll && !this.#lastServed)) throw engineGone(fault);
      const awake = new AbortController();
      lookOut.wake = () => awake.abort();
      await pause(clock, this.#lookEverySeconds, AbortSignal.any([signal, awake.signal]));
      if (signal.aborted) return "back";
      if (lookOut.waiting === 0) throw engineGone(fault);
    }
  }

  /** Undefined if the engine serves. */
  async #findFault(request: GenerationRequest, signal: AbortSignal): Promise<EngineFault | undefined> {
    const { engine, clock, patienceSeconds } = this.#options;
    try {
      await engine.connect();
    } catch (error) {
      return { reason: messageOf(error) };
    }
    const seconds = Math.max(patienceSeconds, lookEverySecondsAtMost);
    const limit = new AbortController();
    const cancel = clock.after(1000 * seconds, () => limit.abort());
    const control = await engine
      .generate({ ...this.#controlFor(request), signal: AbortSignal.any([signal, limit.signal]) })
      .finally(cancel);
    if (control.kind === "generation" || control.kind === "context-full") {
      this.#serves();
      return undefined;
    }
    if (control.kind === "engine-failed") return { reason: control.reason, request: { refusal: control.refusal } };
    return { reason: `A request for one token has no answer after ${seconds} s.`, request: { refusal: undefined } };
  }

  /** What an engine that serves anybody serves: the last request that it served, or else one like this without its problem. */
  #controlFor(request: GenerationRequest): GenerationRequest {
    const trivial = { requestId: "control:0:0:0", statement: "What is 1 + 1?", prompt: "1 + 1 =", text: "" };
    const { onText: _, promptTokensAtMost: __, ...control } = this.#lastServed ?? { ...request, ...trivial };
    return { ...control, maxTokens: 1 };
  }

  #serves(request?: GenerationRequest): void {
    if (this.#away) {
      this.#absences.push({ ...this.#away, to: this.#options.clock.now() });
      this.#away = undefined;
      this.#options.observe({ kind: "engine-back" });
    }
    if (request) {
      this.#lastServed = request;
      this.#failedProblems.clear();
    }
    this.#servedAt = this.#options.clock.now();
    this.#lookOut?.served.abort();
    this.#lookOut = undefined;
  }

  #goesAway({ reason }: { reason: string }): { since: number } {
    if (!this.#away) {
      const since = this.#options.clock.now();
      this.#away = { from: this.#servedAt, to: Number.POSITIVE_INFINITY, since, reason };
      this.#options.observe({ kind: "engine-away", reason });
    }
    return this.#away;
  }
}

async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | "aborted"> {
  let abort = () => {};
  const aborted = new Promise<"aborted">((resolve) => {
    abort = () => resolve("aborted");
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** So many seconds, unless the signal aborts before. */
async function pause(clock: Clock, seconds: number, signal: AbortSignal): Promise<void> {
  let cancel = () => {};
  const over = new Promise<void>((resolve) => {
    cancel = clock.after(1000 * seconds, resolve);
  });
  await untilAborted(over, signal);
  cancel();
}

const isForGood = (refusal: Refusal | undefined) => refusal === "request" || refusal === "access";

function engineGone({ reason, request }: EngineFault): UserError {
  const does = isForGood(request?.refusal) ? "refuses" : "fails";
  const what = request === undefined ? "The engine went away during the run." : `The engine ${does} every request.`;
  return new UserError(`${what} ${reason}`, {
    hint:
      "Finished turns are kept, and no candidate is counted as lost. See to the server (`sctir doctor CONFIG` checks it), " +
      "then run the same command: it goes on where it stopped.",
    exitCode: exitCodes.unavailable,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
