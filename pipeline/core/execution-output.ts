import type { ExecutionOutcome } from "../artifacts/execution.ts";
import type { Profile } from "../artifacts/profile.ts";
import { firstCodePoints, lastCodePoints, strip } from "./python-text.ts";
import { lastLine, ownFrames } from "./traceback.ts";

/** What the sandbox saw of a program. */
export interface ProgramResult {
  outcome: ExecutionOutcome;
  stdout: string;
  stderr: string;
}

type Writing = Pick<Profile, "traceback" | "cut" | "timeoutMessage">;

/**
 * The output that is written back to the model, cut after `outputCharacters` code points. A program that failed shows
 * its exception and nothing of what it had printed, as in the notebook.
 */
export function outputOf(
  result: ProgramResult,
  profile: Writing,
  { outputCharacters, timeoutSeconds }: { outputCharacters: number; timeoutSeconds: number },
): string {
  return cut(messageOf(result, profile, timeoutSeconds), outputCharacters, profile.cut);
}

function messageOf({ outcome, stdout, stderr }: ProgramResult, profile: Writing, timeoutSeconds: number): string {
  switch (outcome) {
    case "ok":
    case "output-limit": // far longer than what is shown of it
      return strip(stdout);
    case "timeout":
      return profile.timeoutMessage.replace("{seconds}", String(timeoutSeconds));
    case "error":
    case "memory":
    case "forbidden":
    case "crashed": {
      const shown = profile.traceback === "own-frames" ? ownFrames(stderr) : lastLine(stderr);
      return shown === "" && outcome !== "error" ? withoutTraceback[outcome] : shown;
    }
  }
}

/** Programs that were ended from outside leave no traceback. */
const withoutTraceback = {
  memory: "MemoryError",
  forbidden: "PermissionError: not allowed here",
  crashed: "The interpreter crashed.",
};

function cut(output: string, characters: number, { keep, marker }: Profile["cut"]): string {
  const head = firstCodePoints(output, characters);
  if (head === undefined) return output;
  if (keep === "head") return head + marker;
  const half = Math.floor(characters / 2);
  return (firstCodePoints(output, half) ?? "") + marker + lastCodePoints(output, half);
}
