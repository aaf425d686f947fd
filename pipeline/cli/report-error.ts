import { type ExitCode, exitCodes, UserError } from "../core/user-error.ts";
import { visibleText } from "../core/visible-text.ts";

/** Prints an error on stderr and says how the process ends. A stack trace means a bug. */
export function reportError(error: unknown): ExitCode {
  if (error instanceof UserError) {
    // Messages quote files and servers.
    process.stderr.write(`sctir: ${visibleText(shortened(error.message))}\n`);
    if (error.hint !== undefined) process.stderr.write(`  → ${visibleText(error.hint)}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sctir: this is a bug; please report it with what follows.\n${visibleText(stack)}\n`);
  return exitCodes.wrongUse;
}

const longestMessage = 8_000;

/** A key or a name that an error quotes may be as long as its file. */
function shortened(message: string): string {
  return message.length <= longestMessage ? message : `${message.slice(0, longestMessage)}…`;
}
