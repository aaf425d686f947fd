import { exitCodes } from "../../core/user-error.ts";
import type { PythonExecution, PythonSandbox } from "../../stages/ports.ts";
import { type CheckResult, failed, failedBy, ok, warning } from "./check.ts";

const levels = {
  bubblewrap: "programs run in bubblewrap: no network, no files of yours",
  limits: "programs run under the kernel's Landlock, seccomp and limits, without bubblewrap",
  none: "programs run without isolation",
};

/**
 * Whether programs run, which isolation they get, and whether it holds: a program tries to read `secretFile`, a file
 * that it must not see.
 */
export async function checkSandbox(open: () => Promise<PythonSandbox>, secretFile: string): Promise<CheckResult> {
  const check = "sandbox";
  let sandbox: PythonSandbox | undefined;
  try {
    sandbox = await open();
    const { isolation } = await sandbox.describe();
    const sum = await run(sandbox, "print(6 * 7)");
    if (sum.outcome !== "ok" || sum.stdout.trim() !== "42") {
      const found = `print(6 * 7) ended with ${sum.outcome}: ${sum.stderr.trim() || sum.stdout.trim() || "no output"}`;
      return failed(check, found, "See the line on Python. If that is ok, please report this.", exitCodes.unavailable);
    }
    const prying = await run(sandbox, `open(${JSON.stringify(secretFile)}).read(1)\nprint("read it")`);
    if (prying.stdout.includes("read it")) {
      return failed(
        check,
        `a program could read ${secretFile} (isolation: ${isolation})`,
        "Install bubblewrap (apt-get install bubblewrap), and run no model-written Python before.",
        exitCodes.unavailable,
      );
    }
    if (isolation === "bubblewrap") return ok(check, levels[isolation]);
    return warning(
      check,
      levels[isolation],
      "Enough for evaluation. For more: apt-get install bubblewrap; in a container it needs leave to make namespaces.",
    );
  } catch (error) {
    return failedBy(check, error);
  } finally {
    await sandbox?.close();
  }
}

function run(sandbox: PythonSandbox, code: string): Promise<PythonExecution> {
  return sandbox.execute({ code, earlier: [], showLastExpression: false, timeoutSeconds: 30, memoryMiB: 1024 });
}
