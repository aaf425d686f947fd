import type { ExecutionOutcome } from "../../../../pipeline/artifacts/execution.ts";

/**
 * A program that tries something the sandbox is to stop.
 *
 * Its code follows `prelude.py` and finds the bait there. Whether it got through is seen from outside, for every program
 * alike: see `bait.ts` and `hostile.test.ts`. Only what leaves no trace outside (a call that the kernel should have
 * refused) is told by the program itself, with `escaped`. It handles the exceptions it expects, OSErrors, so that a
 * slip in its code ends it in another outcome than the one that is listed here.
 */
export interface HostileProgram {
  name: string; // "a program that …"
  code: string;
  /** How it may end [ok]. */
  outcomes?: readonly ExecutionOutcome[];
  /** What its output is, where that is the point. */
  stdout?: string;
  timeoutSeconds?: number; // [20]: far away, unless the program is to reach it
  memoryMiB?: number; // [512]
  /** It comes without the prelude, to the letter. */
  bare?: true;
  /** Where HARMLESS is set it does no harm, so that a test lets it through, without a sandbox, and sees it noticed. */
  unconfined?: true;
}
