import type { ProgramResult } from "./execution-output.ts";
import { lastLine } from "./traceback.ts";

/**
 * The module whose import ended a program because nothing of that name is installed. Not a part of a package that is
 * there (`sympy.solve`): that is the program's own error.
 */
export function missingModule({ outcome, stderr }: Pick<ProgramResult, "outcome" | "stderr">): string | undefined {
  if (outcome !== "error") return undefined;
  return /^ModuleNotFoundError: No module named '(?<name>[\p{L}\p{N}_]{1,100})'$/u.exec(lastLine(stderr))?.groups?.name;
}
