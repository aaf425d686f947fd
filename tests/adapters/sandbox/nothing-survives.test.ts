import { mkdtemp, readdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  descendants,
  newMarker,
  processesMarked,
  seenAndGone,
  waitForMarked,
  waitUntilGone,
} from "./processes-by-marker.ts";
import { isAvailable, isolations, openSandbox, python, type SandboxUnderTest } from "./sandbox-under-test.ts";

const module = fileURLToPath(new URL("../../../pipeline/adapters/sandbox/python-pool.ts", import.meta.url));

/** Names the process, and those it forks from then on, in a way that is seen from outside. */
const named = (marker: string) => `import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(15, b"${marker}")
`;

const leftovers: Record<string, (marker: string) => string> = {
  "a child": (marker) => `subprocess.Popen(["sleep", "${marker}"])`,
  "a child that holds the output open": (marker) => `os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "${marker}")`,
  "a daemon, forked twice in a session of its own": () => `
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(1)
    os._exit(0)
os.wait()`,
  "children that ignore signals": () => `
import signal
for _ in range(5):
    if os.fork() == 0:
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        while True: time.sleep(1)`,
  "a chain that forks on and on": () => `
if os.fork() == 0:
    while True:
        try:
            if os.fork(): os._exit(0)
            os.setsid()
        except OSError: pass`,
  "children without environment, in another directory": (marker) =>
    `subprocess.Popen(["/bin/sleep", "${marker}"], env={}, cwd="/usr", start_new_session=True)`,
};

describe.skipIf(!python)("in the Python sandbox", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let { sandbox, run } = {} as SandboxUnderTest;
      beforeAll(async () => {
        ({ sandbox, run } = await openSandbox({ isolation, size: 1 }));
        await run("");
      });
      afterAll(() => sandbox.close());

      describe.each(Object.entries(leftovers))("%s", (_, code) => {
        it("is gone after a program that ends by itself", async () => {
          const result = await seenAndGone(
            (marker, seconds) =>
              run(`${named(marker)}${code(marker)}\ntime.sleep(${seconds})\nprint("end", flush=True)`),
            (count) => count > 1,
          );
          expect(result).toMatchObject({ outcome: "ok", stdout: "end\n" });
        });

        it("is gone after a program whose time is up", async () => {
          const result = await seenAndGone(
            (marker, seconds) => run(`${named(marker)}${code(marker)}\nwhile True: pass`, { timeoutSeconds: seconds }),
            (count) => count > 1,
          );
          expect(result).toMatchObject({ outcome: "timeout" });
        });
      });

      it("ends a loop of forks", async () => {
        const result = await seenAndGone(
          (marker, seconds) => {
            const code = `${named(marker)}while True:\n  try: os.fork()\n  except OSError: pass`;
            return run(code, { timeoutSeconds: seconds });
          },
          (count) => count > 10,
        );
        expect(result).toMatchObject({ outcome: "timeout" });
        expect(await run("print(1)")).toMatchObject({ outcome: "ok", stdout: "1\n" });
      });

      it("ends a program that is aborted, and goes on with the next", async () => {
        const marker = newMarker();
        const controller = new AbortController();
        const code = `${named(marker)}os.fork()\nwhile True: pass`;
        const running = run(code, { signal: controller.signal });
        const next = run("print('next')");
        await waitForMarked(marker, (count) => count > 1);
        controller.abort(new Error("enough"));
        await expect(running).rejects.toThrow("enough");
        await waitForMarked(marker, (count) => count === 0);
        expect(await next).toMatchObject({ stdout: "next\n" });
      });

      it("takes a program out of the queue when it is aborted", async () => {
        const controller = new AbortController();
        const first = run("import time; time.sleep(0.5); print(1)");
        const queued = run("print(2)", { signal: controller.signal });
        const last = run("print(3)");
        controller.abort(new Error("enough"));
        await expect(queued).rejects.toThrow("enough");
        await expect(run("print(4)", { signal: controller.signal })).rejects.toThrow("enough");
        expect((await first).stdout + (await last).stdout).toBe("1\n3\n");
      });

      it("replaces a worker that was killed, and runs its program again", async () => {
        const marker = newMarker();
        const before = await descendants(process.pid);
        expect(before.length).toBeGreaterThan(0);
        const running = run(`${named(marker)}time.sleep(1)\nprint("done")`);
        await waitForMarked(marker, (count) => count > 0);
        for (const pid of before) process.kill(pid, "SIGKILL");
        expect(await running).toMatchObject({ outcome: "ok", stdout: "done\n" });
        await waitForMarked(marker, (count) => count === 0);
      });

      it("ends what a program started when its worker is killed for good", async () => {
        const marker = newMarker();
        const running = run(`${named(marker)}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/usr")
    while True: time.sleep(1)
time.sleep(30)`);
        for (const _ of ["first", "second"]) {
          const programs = await waitForMarked(marker, (count) => count === 3);
          for (const pid of await descendants(process.pid)) {
            if (!programs.includes(pid)) process.kill(pid, "SIGKILL");
          }
          await waitUntilGone(marker, programs);
        }
        expect(await running).toMatchObject({ outcome: "crashed", stdout: "" });
      });

      it("gives up a worker that does not answer, and has its program down as timed out", async () => {
        const marker = newMarker();
        const other = await openSandbox({ isolation, size: 1, graceSeconds: 1 });
        const before = await descendants(process.pid);
        const running = other.run(`${named(marker)}time.sleep(30)`, { timeoutSeconds: 2 });
        await waitForMarked(marker, (count) => count > 0);
        const workers = (await descendants(process.pid)).filter((pid) => !before.includes(pid));
        for (const pid of workers) process.kill(pid, "SIGSTOP");
        expect(await running).toMatchObject({ outcome: "timeout" });
        await waitForMarked(marker, (count) => count === 0);
        expect(await other.run("print(1)")).toMatchObject({ outcome: "ok", stdout: "1\n" });
        await other.sandbox.close();
      });

      it("ends a program that is aborted although its worker does not answer", async () => {
        const marker = newMarker();
        const controller = new AbortController();
        const running = run(`${named(marker)}time.sleep(30)`, { signal: controller.signal });
        const programs = await waitForMarked(marker, (count) => count > 0);
        for (const pid of await descendants(process.pid)) {
          if (!programs.includes(pid)) process.kill(pid, "SIGSTOP");
        }
        controller.abort(new Error("enough"));
        await expect(running).rejects.toThrow("enough");
        await waitForMarked(marker, (count) => count === 0);
      });

      it("replaces a worker that was killed while it had nothing to do", async () => {
        for (const pid of await descendants(process.pid)) process.kill(pid, "SIGKILL");
        expect(await run("print(1)")).toMatchObject({ outcome: "ok", stdout: "1\n" });
      });

      it("leaves no processes and no open files behind after many programs", async () => {
        await run("print(1)");
        const processes = await descendants(process.pid);
        const files = await Promise.all([process.pid, ...processes].map(openFiles));
        const results = await Promise.all(Array.from({ length: 300 }, (_, index) => run(`print(${index})`)));
        expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, index) => `${index}\n`));
        expect(await descendants(process.pid)).toEqual(processes);
        const filesAfter = await Promise.all([process.pid, ...processes].map(openFiles));
        filesAfter.forEach((count = 0, index) => {
          expect(count).toBeLessThanOrEqual((files[index] ?? 0) + 5);
        });
      });

      it("lets a program inherit no files but its three streams", async () => {
        const { stdout } = await run(`import os
def is_open(number):
    try: os.fstat(number)
    except OSError: return False
    return True
print([number for number in range(1024) if is_open(number)])`);
        expect(stdout).toBe("[0, 1, 2]\n");
      });

      it("ends its workers and running programs when it is closed", async () => {
        const marker = newMarker();
        const other = await openSandbox({ isolation, size: 2 });
        const before = await descendants(process.pid);
        const programs = [1, 2, 3].map(() => other.run(`${named(marker)}os.fork()\nwhile True: pass`));
        const settled = Promise.allSettled(programs);
        await waitForMarked(marker, (count) => count >= 4);
        await other.sandbox.close();
        expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
        await waitForMarked(marker, (count) => count === 0);
        expect((await descendants(process.pid)).filter((pid) => !before.includes(pid))).toEqual([]);
        await expect(other.run("print(1)")).rejects.toThrow("closed");
      });

      it("leaves nothing when its own process is killed", async () => {
        const marker = newMarker();
        const temporary = await mkdtemp(join(tmpdir(), "temporary-"));
        const script = `
          import { openPythonSandbox } from ${JSON.stringify(module)};
          const sandbox = await openPythonSandbox({ size: 1, isolation: "${isolation}" });
          const limits = { timeoutSeconds: 100, memoryMiB: 512 };
          await sandbox.execute({ code: process.env.PROGRAM, earlier: [], showLastExpression: false, ...limits });`;
        const code = `${named(marker)}if os.fork() == 0: os.setsid()\nos.fork()\nwhile True: time.sleep(1)`;
        const command = ["--input-type=module-typescript", "-e", script];
        const owner = execa(process.execPath, command, { env: { PROGRAM: code, TMPDIR: temporary }, reject: false });
        await waitForMarked(marker, (count) => count === 4);
        owner.kill("SIGKILL");
        await owner;
        await waitForMarked(marker, (count) => count === 0);
        for (let attempt = 0; attempt < 400 && (await readdir(temporary)).length > 0; attempt++) await sleep(25);
        await rmdir(temporary); // which has to be empty
      });

      it("lets the process end once it is closed", async () => {
        const script = `
          import { openPythonSandbox } from ${JSON.stringify(module)};
          const sandbox = await openPythonSandbox({ size: 2, isolation: "${isolation}" });
          const limits = { timeoutSeconds: 1000, memoryMiB: 512 };
          const run = (code) => sandbox.execute({ code, earlier: [], showLastExpression: false, ...limits });
          const results = await Promise.all([run("print(1)"), run("print(2)")]);
          await sandbox.close();
          console.log(results.map(({ stdout }) => stdout).join(""));`;
        const { stdout } = await execa(process.execPath, ["--input-type=module-typescript", "-e", script]);
        expect(stdout).toBe("1\n2\n");
      });
    });
  }
});

describe.skipIf(!python)("processesMarked", () => {
  it("finds a process by its argument, so that the tests above can fail", async () => {
    const marker = newMarker();
    const sleeper = execa("sleep", [marker], { reject: false });
    await waitForMarked(marker, (count) => count === 1);
    sleeper.kill();
    await sleeper;
    expect(await processesMarked(marker)).toEqual([]);
  });
});

/** Undefined of a process that does not let us look: a worker, unless we are root. */
async function openFiles(pid: number): Promise<number | undefined> {
  return (await readdir(`/proc/${pid}/fd`).catch(() => undefined))?.length;
}
