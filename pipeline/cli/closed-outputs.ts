import { UserError } from "../core/user-error.ts";
import { reportError } from "./report-error.ts";

/**
 * A reader that goes away (`sctir run … | head -1`, a terminal that is closed) does not end a run: what it prints from
 * then on is lost, its artifacts are not. A result that cannot be written, as on a full disk, is an error.
 */
export function outliveReaders(): void {
  process.stderr.on("error", () => {}); // there is no place left to say so
  let isReported = false;
  process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
    if (isReported || cause.code === "EPIPE" || cause.code === "EIO" || cause.code === "ERR_STREAM_DESTROYED") return;
    isReported = true;
    const error = new UserError(`Cannot write to standard output: ${cause.code ?? cause.message}.`, {
      hint: "What a run has done is in its directory. Send the output elsewhere and run the same command again.",
      cause,
    });
    process.exitCode = reportError(error);
  });
}
