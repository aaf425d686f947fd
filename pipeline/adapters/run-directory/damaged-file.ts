import { dirname } from "node:path";
import { UserError } from "../../core/user-error.ts";

/** A file of a run that does not hold what it should. `--repair` sets aside what cannot be read. */
export class DamagedFile extends UserError {
  constructor(
    path: string,
    message: string,
    { mend = "Restore the file", cause }: { mend?: string; cause?: unknown } = {},
  ) {
    super(message, {
      hint: `${mend}, or let \`sctir run CONFIG --out ${dirname(path)} --repair\` set it aside and make it again.`,
      cause,
    });
  }
}
