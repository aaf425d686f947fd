import { type ExitCode, exitCodes, UserError } from "../../core/user-error.ts";

export type CheckState = "ok" | "warning" | "failed";

/** What was looked at, what was found, and how to mend it where it is not ok, or to change it where it is. */
export interface Check {
  check: string;
  state: CheckState;
  detail: string;
  mend?: string;
}

/** A check, and how the process ends because of it. */
export type CheckResult = Check & { exitCode: ExitCode };

export function ok(check: string, detail: string, mend?: string): CheckResult {
  return { check, state: "ok", detail, ...(mend === undefined ? {} : { mend }), exitCode: exitCodes.done };
}

export function warning(check: string, detail: string, mend: string): CheckResult {
  return { check, state: "warning", detail, mend, exitCode: exitCodes.done };
}

export function failed(
  check: string,
  detail: string,
  mend: string,
  exitCode: ExitCode = exitCodes.checkFailed,
): CheckResult {
  return { check, state: "failed", detail, mend, exitCode };
}

/** What a UserError says, as a failed check. What is no UserError is a bug and is thrown on. */
export function failedBy(check: string, error: unknown): CheckResult {
  if (!(error instanceof UserError)) throw error;
  const exitCode = error.exitCode === exitCodes.unavailable ? exitCodes.unavailable : exitCodes.checkFailed;
  return failed(check, error.message, error.hint ?? "See the message.", exitCode);
}

/** How `doctor` ends: 3 where engine or sandbox are unavailable, else 1 where anything failed; warnings are allowed. */
export function exitCodeOf(results: readonly CheckResult[]): ExitCode {
  const codes = results.map(({ exitCode }) => exitCode);
  if (codes.includes(exitCodes.unavailable)) return exitCodes.unavailable;
  return codes.find((code) => code !== exitCodes.done) ?? exitCodes.done;
}
