import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openPythonSandbox, type PythonSandboxOptions } from "../../../pipeline/adapters/sandbox/python-pool.ts";
import { UserError } from "../../../pipeline/core/user-error.ts";
import type { PythonExecution, PythonRequest, PythonSandbox } from "../../../pipeline/stages/ports.ts";

/** The interpreter that the sandbox would take, if there is one. */
export const python =
  process.env.SCTIR_PYTHON ??
  [fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url))].find((path) => existsSync(path));

export const isolations = ["bubblewrap", "limits"] as const;

/** Whether this machine can isolate so: tests of what it cannot are skipped. */
export async function isAvailable(isolation: (typeof isolations)[number]): Promise<boolean> {
  try {
    await (await openPythonSandbox({ isolation, size: 1 })).close();
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

export interface SandboxUnderTest {
  sandbox: PythonSandbox;
  run(code: string, more?: Partial<PythonRequest>): Promise<PythonExecution>;
}

/** Time limits are far away unless a test is about them: a machine that is busy is no fault. */
export async function openSandbox(options: PythonSandboxOptions): Promise<SandboxUnderTest> {
  const sandbox = await openPythonSandbox(options);
  return {
    sandbox,
    run: (code, more) =>
      sandbox.execute({
        code,
        earlier: [],
        showLastExpression: false,
        timeoutSeconds: 20,
        memoryMiB: 512,
        ...more,
      }),
  };
}
