import type { EngineConfig } from "../artifacts/run-config.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import type { Clock, Engine, Generation, GenerationRequest, NoGeneration } from "./ports.ts";

const lookEverySeconds = 5;

/** So many requests failed for good in a row, and none was served in between: the engine itself is at fault. */
const failuresInARow = 24;

/**
 * An engine whose absence is told from a request's own fault. A request that failed after retries is asked again once
 * the engine is back, however often: `engine-failed` is for a candidate's own fault. Where the engine stays away for
 * longer than `patienceSeconds`, over however many problems, or answers but fails every request, a UserError ends the
 * run, which can be resumed.
 */
export function watchedEngine(
  { engine, clock }: { engine: Engine; clock: Clock },
  config: EngineConfig,
  stopping: AbortSignal,
): Engine {
  const patienceSeconds = config.kind === "vllm" ? config.patienceSeconds : 0;
  let absence: Promise<"there" | "back"> | undefined; // one look-out for all requests
  let awaySince: number | undefined; // outlasts a look-out: budgets may end all requests that wait
  let waiting = 0;
  let failedInARow = 0;

  async function lookOut(): Promise<"there" | "back"> {
    for (let look = 0; ; look += 1) {
      try {
        await engine.connect();
        awaySince = undefined;
        return look === 0 ? "there" : "back";
      } catch (cause) {
        awaySince ??= clock.now();
        const isTooLong = clock.now() - awaySince >= patienceSeconds * 1000;
        if (isTooLong || waiting === 0) throw engineGone(messageOf(cause), cause);
      }
      await new Promise<void>((resolve) => clock.after(lookEverySeconds * 1000, resolve));
    }
  }

  async function state(signal: AbortSignal): Promise<"there" | "back" | "aborted"> {
    absence ??= lookOut().finally(() => {
      absence = undefined;
    });
    absence.catch(() => {}); // those who still wait hear of it
    waiting += 1;
    try {
      return await untilAborted(absence, signal);
    } finally {
      waiting -= 1;
    }
  }

  async function generate(request: GenerationRequest): Promise<Generation | NoGeneration> {
    for (let isSecondChance = false; ; ) {
      const generation = await engine.generate(request);
      if (generation.kind === "generation") {
        failedInARow = 0;
        awaySince = undefined;
      }
      if (generation.kind !== "engine-failed") return generation;
      const now = await state(request.signal ? AbortSignal.any([request.signal, stopping]) : stopping);
      if (now === "aborted") return { kind: "aborted" };
      if (now === "back") {
        failedInARow = 0;
        continue;
      }
      if (generation.attempts < 2) return generation; // the engine is there and refused this request at once
      failedInARow += 1;
      if (failedInARow >= failuresInARow) throw engineGone(`It fails every request: ${generation.reason}`);
      if (isSecondChance) return generation;
      isSecondChance = true; // it may have come back just now
    }
  }

  const load = engine.load?.bind(engine);
  return { connect: () => engine.connect(), generate, close: () => engine.close(), ...(load ? { load } : {}) };
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

function engineGone(what: string, cause?: unknown): UserError {
  return new UserError(`The engine went away during the run. ${what}`, {
    hint: "Finished turns are kept. Start the server again and run the same command: it goes on where it stopped.",
    exitCode: exitCodes.unavailable,
    cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
