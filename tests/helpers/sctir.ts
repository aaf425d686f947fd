import { fileURLToPath } from "node:url";
import { execa } from "execa";

const launcher = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));

export interface Ended {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

interface Options {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  input?: string;
}

/** Runs the command line to its end, as a user would. */
export async function sctir(args: readonly string[], options: Options = {}): Promise<Ended> {
  const { exitCode, stdout, stderr } = await startSctir(args, options);
  return { exitCode, stdout, stderr };
}

/** Starts the command line; signals can be sent to it while it runs. */
export function startSctir(args: readonly string[], options: Options = {}) {
  const { input = "", ...rest } = options;
  return execa(process.execPath, [launcher, ...args], { reject: false, input, ...rest });
}
