import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

export interface Run {
  stdout: string;
  timedOut: boolean;
}

type Command = (directory: string, file: string) => [program: string, ...arguments: string[]];

/** The winning notebook's way: a temporary file, a new `python3`, a limit to its time. Nothing confines the program. */
export function inSubprocess(python: string): Command {
  return (_, file) => [python, file];
}

/** The same in a bubblewrap of its own: no network, no other process, one directory to write. */
export function inBubblewrap(python: string): Command {
  return (directory, file) => [
    "bwrap",
    ...["--unshare-all", "--die-with-parent", "--new-session"],
    ...["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--bind", directory, directory],
    ...[python, file],
  ];
}

export async function runFresh(command: Command, code: string, timeoutSeconds: number): Promise<Run> {
  const directory = await mkdtemp(join(tmpdir(), "sctir-benchmark-"));
  try {
    const file = join(directory, "program.py");
    await writeFile(file, code);
    const [program, ...rest] = command(directory, file);
    const options = { timeout: timeoutSeconds * 1000, killSignal: "SIGKILL", reject: false, stdin: "ignore" } as const;
    const { stdout, timedOut } = await execa(program, rest, options);
    return { stdout, timedOut };
  } finally {
    await rm(directory, { recursive: true });
  }
}
