import { execa } from "execa";

export interface Answer {
  stdout: string;
  /** Why there is no answer: what the process said last, or how it ended. */
  failure?: string;
}

/**
 * What a program prints that has an answer within moments. One that takes longer is ended with all that it has started,
 * which would keep its output open.
 */
export async function askProcess(
  file: string,
  command: readonly string[],
  { seconds = 30, cwd = process.cwd() }: { seconds?: number; cwd?: string } = {},
): Promise<Answer> {
  const subprocess = execa(file, command, { cwd, reject: false, stdin: "ignore", detached: true, maxBuffer: 2 ** 20 });
  let failure: string | undefined;
  const timer = setTimeout(() => {
    failure = `it has not answered within ${seconds} s.`;
    endGroup(subprocess.pid);
  }, seconds * 1000);
  const { stdout, stderr, failed, isMaxBuffer, originalMessage } = await subprocess;
  clearTimeout(timer);
  if (isMaxBuffer) endGroup(subprocess.pid);
  if (failed) failure ??= stderr.trim() || originalMessage || "it does not run.";
  return { stdout, ...(failure === undefined ? {} : { failure }) };
}

/** Being detached, a process leads a group of its own. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
