import type { Profile } from "../artifacts/profile.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import { lastLine } from "../core/traceback.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import type { PythonSandbox, SandboxDescription } from "../stages/ports.ts";

/**
 * The sandbox that a config asks for, with its workers started. Throws a UserError (exit code 3) where no program could
 * run in it: a module that python.preload names is not there, or the profile's prelude fails.
 */
export async function openConfiguredSandbox(
  { python }: RunConfig,
  { prelude, name }: Profile,
  options: { allowUnsafe?: boolean; size?: number },
): Promise<{ sandbox: PythonSandbox; description: SandboxDescription; notes: readonly string[] }> {
  const { openPythonSandbox } = await import("../adapters/sandbox/python-pool.ts"); // only where programs are run
  const sandbox = await openPythonSandbox({ ...options, preload: python.preload });
  try {
    const { notes, ...description } = await sandbox.describe();
    const ran = await sandbox.execute({
      code: prelude.join("\n"),
      ...{ earlier: [], showLastExpression: false, timeoutSeconds: 60, memoryMiB: python.memoryMiB },
    });
    if (ran.outcome === "ok") return { sandbox, description, notes };
    const reason = lastLine(ran.stderr) || ran.outcome;
    throw new UserError(`Every program would fail in the lines that the profile ${name} puts before it: ${reason}.`, {
      hint:
        notes.join("\n") ||
        "See prelude in the profile, and python.memoryMiB in the config. `sctir doctor` shows the sandbox's packages.",
      exitCode: exitCodes.unavailable,
    });
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}
