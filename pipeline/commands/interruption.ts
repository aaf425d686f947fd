import { isatty } from "node:tty";
import { exitCodes, UserError } from "../core/user-error.ts";
import { printNote } from "./output.ts";

/**
 * Ctrl-C, and the end of the terminal if there is one: once, work that has begun is finished and no more is started;
 * twice, the process ends at once. Finished turns are in the journal either way.
 */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #handle: (signal: NodeJS.Signals) => void;

  constructor() {
    let first: { signal: NodeJS.Signals; at: number } | undefined;
    const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
    this.#handle = (signal) => {
      // Under `nohup`, which takes terminals away. It has the signal ignored too, but Node undoes that when it starts.
      if (signal === "SIGHUP" && !hasTerminal) return;
      if (first) {
        const isEcho = signal === first.signal && performance.now() - first.at <= echoMilliseconds;
        if (!isEcho) process.exit(exitCodes.interrupted);
        return;
      }
      first = { signal, at: performance.now() };
      this.#controller.abort();
      printNote(`\n${signal}: finishing what has begun. Once more to stop at once.`);
    };
    for (const signal of signals) process.on(signal, this.#handle);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#handle);
  }
}

/** `npm run` hands one Ctrl-C on a second time; a person takes longer. */
const echoMilliseconds = 300;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The end of a run that was interrupted: how to go on. */
export function interrupted(resume: string): UserError {
  return new UserError("Interrupted.", {
    hint: `What is finished is kept. Go on with: ${resume}`,
    exitCode: exitCodes.interrupted,
  });
}
