import { once } from "node:events";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { isAvailable, python } from "./sandbox-under-test.ts";

const workerDirectory = fileURLToPath(new URL("../../../pipeline/adapters/sandbox/worker", import.meta.url));
const enter = `
import os, sys
sys.path.insert(0, ${JSON.stringify(workerDirectory)})
import confinement, system_calls
confinement.adopt_orphans()
confinement.enter_seccomp(system_calls.system_call_filter(%s))
def attempt(call, *arguments):
    try:
        call(*arguments)
        print("done")
    except OSError as error: print(type(error).__name__)
`;

/** What a Python program prints under the filter of system calls, with nothing else around it. */
async function runFiltered(options: string, code: string): Promise<string> {
  const program = enter.replace("%s", options) + code;
  const { stdout, stderr } = await execa(python ?? "", ["-B", "-c", program], { reject: false, stdin: "ignore" });
  return stdout + stderr;
}

describe.skipIf(!python || !(await isAvailable("limits")))("the filter of system calls", () => {
  it("lets a program signal itself and nobody else, where Landlock does not see to it", async () => {
    const other = execa("sleep", ["1000"], { reject: false });
    await once(other.nodeChildProcess, "spawn");
    const code = `
import fcntl, signal
signal.signal(signal.SIGUSR1, lambda *_: print("signalled"))
attempt(os.kill, os.getpid(), signal.SIGUSR1)
attempt(signal.raise_signal, signal.SIGUSR1)
attempt(os.kill, ${other.pid}, signal.SIGKILL)
attempt(os.kill, -1, signal.SIGURG)
attempt(signal.pidfd_send_signal, os.pidfd_open(${other.pid}), signal.SIGKILL)
attempt(fcntl.fcntl, os.pipe()[0], fcntl.F_SETOWN, ${other.pid})`;
    const refused = "PermissionError\n".repeat(4).trimEnd();
    expect(await runFiltered("True, os.getpid()", code)).toBe(`signalled\ndone\nsignalled\ndone\n${refused}`);
    expect(other.nodeChildProcess.exitCode ?? other.nodeChildProcess.signalCode).toBeNull();
    other.kill();
    await other;
  });

  it("leaves modes, times and sizes as they are, where the user's own files are in reach", async () => {
    const folder = await mkdtemp(join(tmpdir(), "files-"));
    const path = join(folder, "file");
    await writeFile(path, "text");
    await chmod(path, 0o644);
    const before = await stat(path);
    const code = `
path = ${JSON.stringify(path)}
attempt(os.chmod, path, 0)
attempt(os.utime, path, (1, 1))
attempt(os.truncate, path, 0)`;
    expect(await runFiltered("True", code)).toBe("done\ndone\nPermissionError"); // so that copying a file works
    const { mode, mtimeMs, size } = await stat(path);
    expect({ mode, mtimeMs, size }).toEqual({ mode: before.mode, mtimeMs: before.mtimeMs, size: before.size });

    await runFiltered("", code);
    expect(await stat(path)).toMatchObject({ mode: 0o100000, size: 0 });
    await rm(folder, { recursive: true });
  });
});
