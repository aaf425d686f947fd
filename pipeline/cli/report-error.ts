import { type ExitCode, exitCodes, UserError } from "../core/user-error.ts";

/** Prints an error on stderr and says how the process ends. A stack trace means a bug. */
export function reportError(error: unknown): ExitCode {
  if (error instanceof UserError) {
    process.stderr.write(`sctir: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`  → ${error.hint}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sctir: this is a bug; please report it with what follows.\n${stack}\n`);
  return exitCodes.wrongUse;
}
