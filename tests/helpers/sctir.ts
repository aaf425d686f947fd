import { fileURLToPath } from "node:url";
import { execa, type ResultPromise } from "execa";

const launcher = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));

export interface Ended {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs the command line to its end, as a user would. */
export async function sctir(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Ended> {
  const { exitCode, stdout, stderr } = await startSctir(args, options);
  return { exitCode, stdout: String(stdout), stderr: String(stderr) };
}

/** Starts the command line; signals can be sent to it while it runs. */
export function startSctir(
  args: readonly string[],
  { cwd, env, input }: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): ResultPromise<{ reject: false }> {
  return execa(process.execPath, [launcher, ...args], {
    reject: false,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
  });
}
