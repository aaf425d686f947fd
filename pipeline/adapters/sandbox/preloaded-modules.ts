import { exitCodes, UserError } from "../../core/user-error.ts";
import { howToAdd, type Interpreter } from "./interpreter.ts";
import type { Ready } from "./worker-protocol.ts";

/** Of modules that a run names and that cannot be imported. */
export function notImported(failures: Ready["notImported"], interpreter: Interpreter): UserError {
  const reasons = Object.entries(failures).map(([name, reason]) => `${name} (${reason})`);
  const [name = ""] = Object.keys(failures);
  return new UserError(`The Python sandbox cannot import what python.preload names: ${reasons.join("; ")}.`, {
    hint: `To have it: ${howToAdd(name.split(".")[0] ?? "", interpreter)}. Or leave it out of the list.`,
    exitCode: exitCodes.unavailable,
  });
}

/** What a user should know where the usual libraries are not all there, and nobody has named any. */
export function missingLibraries(failures: Ready["notImported"], interpreter: Interpreter): string[] {
  return Object.entries(failures).map(
    ([name, reason]) =>
      `${name} cannot be imported (${reason}): programs that use it will fail. To have it: ${howToAdd(name, interpreter)}`,
  );
}
