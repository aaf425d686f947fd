/** How the process ends. Each is part of the contract with scripts that call sctir. */
export const exitCodes = {
  done: 0,
  checkFailed: 1, // a check or gate did not hold
  wrongUse: 2, // wrong use or bad input
  unavailable: 3, // the engine or the sandbox was unavailable
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

interface UserErrorOptions {
  /** What to do next, as one or more sentences. */
  hint?: string;
  exitCode?: ExitCode;
  cause?: unknown;
}

/** Something the user can mend. The command line prints message and hint, without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, { hint, exitCode = exitCodes.wrongUse, cause }: UserErrorOptions = {}) {
    super(message, { cause });
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
