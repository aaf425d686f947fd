import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PythonExecution, PythonRequest, PythonSandbox } from "../../../pipeline/stages/ports.ts";
import { descendants, newMarker, processesMarked, waitForMarked } from "./processes-by-marker.ts";
import { isAvailable, isolations, openSandbox, python, type SandboxUnderTest } from "./sandbox-under-test.ts";

type Limits = Partial<Pick<PythonRequest, "timeoutSeconds" | "memoryMiB" | "signal" | "showLastExpression">>;

/** A candidate's side of a session: it tells the sandbox its blocks so far with each new one. */
class Notebook {
  static #count = 0;
  readonly key = `session-${Notebook.#count++}`;
  readonly blocks: string[] = [];
  readonly #sandbox: PythonSandbox;

  constructor(sandbox: PythonSandbox) {
    this.#sandbox = sandbox;
  }

  async run(code: string, limits: Limits = {}): Promise<PythonExecution> {
    const earlier = [...this.blocks];
    this.blocks.push(code);
    const request = { showLastExpression: false, timeoutSeconds: 20, memoryMiB: 512, ...limits };
    return this.#sandbox.execute({ code, earlier, session: this.key, ...request });
  }

  end(): void {
    this.#sandbox.endSession(this.key);
  }
}

/** Renames the interpreter, so that it can be found from outside. */
const named = (marker: string) => `import ctypes, os
ctypes.CDLL(None).prctl(15, b"${marker}")
`;

const programs: [name: string, blocks: string[]][] = [
  ["names", ["x = 3", "y = x + 1\nprint(y)", "print(x, y)"]],
  ["functions and their tracebacks", ["def f(n):\n    return 1 / n", "print(f(2))", "print(f(0))", "print(f(4))"]],
  ["imports", ["from sympy import *\nn = symbols('n')", "print(factor(n**2 - 1))", "print(solve(n**2 - 4, n))"]],
  ["classes", ["class A:\n    count = 0\n", "A.count += 1\na = A()", "print(a.count, type(a).__name__, A.__module__)"]],
  ["an exception in the middle", ["x = 1\nraise ValueError('no')\nx = 2", "print(x)", "undefined", "print(x + 1)"]],
  ["a syntax error", ["x = 1", "x = (", "print(x)"]],
  ["exit", ["x = 1\nexit()", "print(x)\nimport sys\nsys.exit(3)", "print(x + 1)"]],
  ["files", ["open('f', 'w').write('one')", "print(open('f').read())", "import os\nprint(os.path.exists('f'))"]],
  ["random numbers", ["import random", "a = random.random()", "print(random.random())", "print(a, random.random())"]],
  ["numpy's", ["import numpy as np\nx = np.random.rand()", "print(x, np.random.rand(2))", "print(np.random.rand())"]],
  ["redirected streams", ["import sys, io\nsys.stdout = io.StringIO()\nprint('lost')", "print('seen')"]],
  [
    "a recursion limit",
    ["import sys\nsys.setrecursionlimit(200)", "def f(n): return n and 1 + f(n - 1)", "f(150)\nf(190)"],
  ],
  ["huge integers", ["x = 7**5000", "print(x % 10**9)", "print(len(str(x)))"]],
  ["generators", ["g = (n * n for n in range(10))\nprint(next(g))", "print(next(g))", "print(sum(g))"]],
  ["threads", ["import threading\nx = []\nthreading.Thread(target=lambda: x.append(1)).start()", "print(x)"]],
  ["a changed directory", ["import os\nos.mkdir('d')\nos.chdir('d')", "print(os.path.basename(os.getcwd()))"]],
  [
    "warnings",
    ["import warnings\nwarnings.warn('first')", "warnings.simplefilter('error')", "warnings.warn('second')"],
  ],
];

describe.skipIf(!python)("a session in the Python sandbox", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let { sandbox, run } = {} as SandboxUnderTest;
      beforeAll(async () => {
        ({ sandbox, run } = await openSandbox({ isolation, size: 1 }));
      });
      afterAll(() => sandbox.close());
      const open = (other = sandbox) => new Notebook(other);

      it("keeps what its blocks define, without running them again", async () => {
        const notebook = open();
        const first = await notebook.run("import os, time\nstarted = time.monotonic_ns(), os.getpid()\nprint(started)");
        await notebook.run("x = 1");
        const last = await notebook.run("print(started)");
        expect(last.stdout).toBe(first.stdout);
        expect(last.reruns).toBeUndefined();
      });

      it("does what a block does once", async () => {
        const notebook = open();
        for (let count = 1; count <= 4; count++) {
          const { stdout } = await notebook.run("open('log', 'a').write('x'); print(len(open('log').read()))");
          expect(stdout).toBe(`${count}\n`);
        }
      });

      it.each(programs)("prints what the same blocks print when they are run anew each time: %s", async (_, blocks) => {
        const notebook = open();
        for (const [index, code] of blocks.entries()) {
          const { outcome, stdout, stderr, outputBytes, reruns } = await notebook.run(code);
          const anew = await run(code, { earlier: blocks.slice(0, index) });
          const expected = {
            outcome: anew.outcome,
            stdout: anew.stdout,
            stderr: anew.stderr,
            outputBytes: anew.outputBytes,
          };
          expect({ outcome, stdout, stderr, outputBytes }).toEqual(expected);
          expect(reruns).toBeUndefined();
        }
      });

      it.each([
        [
          "import os\nos.close(1)",
          "import sys\nsys.stdout.close()",
          "import sys\nsys.__stdout__.close()\nsys.stderr.close()",
        ],
        ["import builtins\nbuiltins.open = builtins.len = None", "import os\nos.kill = os.getpid = os.dup2 = None"],
      ])("goes on after what a block has closed or broken: %s", async (...blocks) => {
        const notebook = open();
        for (const code of blocks) {
          await notebook.run(code);
          expect(await notebook.run("print('seen')")).toMatchObject({ outcome: "ok", stdout: "seen\n", stderr: "" });
        }
      });

      it("shows the value of a last expression", async () => {
        const notebook = open();
        await notebook.run("x = 20", { showLastExpression: true });
        expect(await notebook.run("x + 1", { showLastExpression: true })).toMatchObject({ stdout: "21\n" });
      });

      it("is rebuilt after a time-out, with what the block had done until then", async () => {
        const notebook = open();
        await notebook.run("x = 1\nprint(x)");
        const limits = { timeoutSeconds: 1 };
        const late = await notebook.run("y = 2\nprint('y', flush=True)\nwhile True: pass", limits);
        expect(late).toMatchObject({ outcome: "timeout", stdout: "y\n" });
        const next = await notebook.run("print(x, y)", limits);
        expect(next).toMatchObject({ outcome: "ok", stdout: "1 2\n" });
        expect(next.reruns).toMatchObject([{ outcome: "ok", stdout: "1\n" }, { outcome: "timeout" }]);
        expect(await notebook.run("print(x + y)", limits)).not.toHaveProperty("reruns");
      });

      it.each([
        ["timeout", "sum(range(10**13))"], // in C, where no exception gets a turn
        ["timeout", "while True:\n  try:\n    while True: pass\n  except BaseException: pass"],
        ["crashed", "import ctypes; ctypes.string_at(0)"],
        ["crashed", "import os; os.kill(os.getpid(), 9)"],
        ["memory", "import ctypes\nx = bytearray(450 * 2**20)\nctypes.string_at(0)"],
        ["output-limit", "while True: print('y' * 1000)"],
        ["output-limit", "print('y' * 3 * 2**20)"],
        ["ok", "import os; os._exit(0)"],
      ])("is rebuilt without a block that it cannot outlive (%s: %s)", async (outcome, code) => {
        const notebook = open();
        const limits = outcome === "timeout" ? { timeoutSeconds: 0.5 } : {};
        await notebook.run("x = 1\nprint(x)", limits);
        expect(await notebook.run(code, limits)).toMatchObject({ outcome });
        const next = await notebook.run("x += 1\nprint(x)", limits);
        expect(next).toMatchObject({ outcome: "ok", stdout: "2\n" });
        expect(next.reruns).toMatchObject([{ outcome: "ok", stdout: "1\n" }, { outcome }]);
        expect(await notebook.run("print(x)", limits)).toMatchObject({ stdout: "2\n" });
      });

      it("outlives a block that asked for too much memory", async () => {
        const notebook = open();
        await notebook.run("x = 1");
        expect(await notebook.run("y = bytearray(10**9)")).toMatchObject({ outcome: "memory" });
        const next = await notebook.run("print(x)");
        expect(next).toMatchObject({ stdout: "1\n" });
        expect(next).not.toHaveProperty("reruns");
      });

      it("is rebuilt when it was killed from outside", async () => {
        const marker = newMarker();
        const notebook = open();
        await notebook.run(`${named(marker)}x = 1`);
        const [interpreter = 0] = await waitForMarked(marker, (count) => count === 1);
        process.kill(interpreter, "SIGKILL");
        const next = await notebook.run("print(x)");
        expect(next).toMatchObject({ outcome: "ok", stdout: "1\n", reruns: [{ outcome: "ok", stdout: "" }] });
        expect(await notebook.run("print(x)")).not.toHaveProperty("reruns");
      });

      it("is rebuilt when its worker was killed, also while a block runs", async () => {
        const marker = newMarker();
        const before = await descendants(process.pid);
        const other = await openSandbox({ isolation, size: 1 });
        const workers = async () => (await descendants(process.pid)).filter((pid) => !before.includes(pid));
        const notebook = open(other.sandbox);
        await notebook.run("x = 1");
        for (const pid of await workers()) process.kill(pid, "SIGKILL");
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "1\n", reruns: [{ outcome: "ok" }] });
        const running = notebook.run(`${named(marker)}import time\ntime.sleep(4)\nprint(x)`);
        await waitForMarked(marker, (count) => count > 0);
        for (const pid of await workers()) process.kill(pid, "SIGKILL");
        expect(await running).toMatchObject({ outcome: "ok", stdout: "1\n", reruns: [{}, { stdout: "1\n" }] });
        await other.sandbox.close();
      });

      it.each([
        "import time; print(time.time_ns())",
        "import numpy; print(numpy.random.default_rng().random())",
        "import os; print(os.urandom(8).hex())",
      ])("tells what blocks did when they were run again, so that a difference is seen: %s", async (code) => {
        const notebook = open();
        const { stdout } = await notebook.run(code);
        await notebook.run("print(random := 4)");
        sandbox.endSession(notebook.key);
        const next = await notebook.run("print(random)");
        expect(next.stdout).toBe("4\n");
        expect(next.reruns?.map((rerun) => rerun.stdout === stdout)).toEqual([false, false]);
        expect(next.reruns?.[1]).toMatchObject({ outcome: "ok", stdout: "4\n" });
      });

      it("draws the same random numbers when it is rebuilt", async () => {
        const notebook = open();
        const code = "import random, numpy; x = random.random(), numpy.random.rand(); print(x)";
        const { stdout } = await notebook.run(code);
        notebook.end();
        const next = await notebook.run("print(x)");
        expect(next).toMatchObject({ stdout, reruns: [{ stdout }] });
      });

      it("is another one where the earlier blocks are others", async () => {
        const notebook = open();
        await notebook.run("x = 1");
        notebook.blocks.splice(0, 1, "x = 2");
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "2\n", reruns: [{ outcome: "ok" }] });
      });

      it("ends, with all its files, when it is told to", async () => {
        const marker = newMarker();
        const notebook = open();
        await notebook.run(`${named(marker)}open('left', 'w').write('x')`);
        expect(await processesMarked(marker)).toHaveLength(1);
        notebook.end();
        await waitForMarked(marker, (count) => count === 0);
        expect(await open().run("import os; print(sorted(os.listdir()))")).toMatchObject({
          stdout: "['earlier-1.py', 'program.py']\n",
        });
      });

      it("makes room for others, the one that was used longest ago first", async () => {
        const other = await openSandbox({ isolation, size: 1, maxSessions: 2 });
        const [a, b, c] = [open(other.sandbox), open(other.sandbox), open(other.sandbox)];
        await a.run("x = 'a'");
        await b.run("x = 'b'");
        await a.run("x += '!'");
        await c.run("x = 'c'"); // in the place of b
        expect(await a.run("print(x)")).not.toHaveProperty("reruns");
        expect(await b.run("print(x)")).toMatchObject({ stdout: "b\n", reruns: [{ outcome: "ok" }] });
        await other.sandbox.close();
      });

      it("ends when it was idle for too long", async () => {
        const marker = newMarker();
        const other = await openSandbox({ isolation, size: 1, sessionIdleSeconds: 0.2 });
        const notebook = open(other.sandbox);
        await notebook.run(`${named(marker)}x = 1`);
        await waitForMarked(marker, (count) => count === 0);
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "1\n", reruns: [{ outcome: "ok" }] });
        await other.sandbox.close();
      });

      it("runs beside programs that stand alone", async () => {
        const notebook = open();
        await notebook.run("x = 1");
        expect(await run("print(x)")).toMatchObject({ outcome: "error" });
        expect(await run("import os; os.kill(-1, 9)")).toBeDefined();
        const next = await notebook.run("print(x)");
        expect(next).toMatchObject({ stdout: "1\n" });
        expect(next).not.toHaveProperty("reruns");
      });

      it("leaves no process of a block behind but its interpreter", async () => {
        const marker = newMarker();
        const notebook = open();
        const { outcome } = await notebook.run(`${named(marker)}
import subprocess, time
x = 1
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: os.fork()
        while True: time.sleep(1)
subprocess.Popen(["sleep", "${marker}"])
time.sleep(0.2)`);
        expect(outcome).toBe("ok");
        expect(await processesMarked(marker)).toHaveLength(1);
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "1\n" });
      });

      it("survives a fork bomb that it has lit, and goes on", async () => {
        const marker = newMarker();
        const notebook = open();
        const code = `${named(marker)}x = 1\nif os.fork() == 0:\n  while True:\n    try: os.fork()\n    except OSError: pass`;
        expect(await notebook.run(code)).toMatchObject({ outcome: "ok" });
        expect(await processesMarked(marker)).toHaveLength(1);
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "1\n" });
      });

      it("is not set going by what a block has left", async () => {
        const notebook = open();
        const code = `import os, signal
own = os.getpid()
open("log", "a").write("x")
if os.fork() == 0:
    while True: os.kill(own, signal.SIGCONT)`;
        for (const log of ["x", "xx"]) {
          expect(await notebook.run(code)).toMatchObject({ outcome: "ok" });
          expect(await notebook.run("print(open('log').read())")).toMatchObject({ stdout: `${log}\n` });
        }
      });

      it("stands still between its blocks, its threads too", async () => {
        const notebook = open();
        const thread = "def work():\n  while True:\n    n[0] += 1\n    time.sleep(0.001)";
        await notebook.run(
          `import threading, time\nn = [0]\n${thread}\nthreading.Thread(target=work, daemon=True).start()`,
        );
        await sleep(400);
        const { stdout } = await notebook.run("print(n[0])");
        expect(Number(stdout)).toBeLessThan(100);
      });

      it("takes an exit in a fork of a block for the fork's own", async () => {
        const notebook = open();
        const forks = "import os\nx = os.fork()\nif x: os.waitpid(x, 0)\nelse: print('child')";
        expect(await notebook.run(forks)).toMatchObject({ outcome: "ok", stdout: "child\n" });
        expect(await notebook.run("print(x > 0)")).toMatchObject({ stdout: "True\n" });
      });

      it("does not take a process that stops itself for one that has ended its block", async () => {
        const notebook = open();
        const code = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)";
        expect(await notebook.run(code, { timeoutSeconds: 0.5 })).toMatchObject({ outcome: "timeout" });
      });

      it("writes its blocks to files of its own, whatever stands in their place", async () => {
        const notebook = open();
        await notebook.run(`import os
os.mkdir('earlier-2.py'); open('earlier-2.py/file', 'w').close()
os.remove('program.py'); os.symlink('${import.meta.filename}', 'program.py')
os.symlink('/usr/lib/written', 'earlier-3.py')`);
        const where = "\nprint(os.path.islink(__file__), os.path.isfile(__file__))";
        expect(await notebook.run(`x = 2${where}`)).toMatchObject({ stdout: "False True\n" });
        expect(await notebook.run(`print(x)${where}`)).toMatchObject({ stdout: "2\nFalse True\n" });
      });

      it("is not kept with more files than all can have, and is right all the same", async () => {
        const notebook = open();
        await notebook.run("open('big', 'wb').write(bytes(3 * 2**20))\nx = open('gone', 'wb')");
        const next = await notebook.run("import os\nprint(os.path.getsize('big'))");
        expect(next).toMatchObject({ stdout: `${3 * 2 ** 20}\n`, reruns: [{ outcome: "ok" }] });
      });

      it("is aborted by a signal, and rebuilt after that", async () => {
        const marker = newMarker();
        const notebook = open();
        await notebook.run("x = 1");
        const controller = new AbortController();
        const code = `${named(marker)}import time\ntime.sleep(30)`;
        const running = notebook.run(code, { signal: controller.signal });
        await waitForMarked(marker, (count) => count === 1);
        controller.abort(new Error("enough"));
        await expect(running).rejects.toThrow("enough");
        expect(await processesMarked(marker)).toEqual([]);
        notebook.blocks.pop();
        expect(await notebook.run("print(x)")).toMatchObject({ stdout: "1\n", reruns: [{ outcome: "ok" }] });
      });

      describe("beside another session", () => {
        /** Evaluates a Python expression: `true`, `false`, or the name of its exception. */
        const attempt = async (notebook: Notebook, setup: string, expression: string) => {
          const code = `${setup}\ntry: print(bool(${expression}))\nexcept Exception as e: print(type(e).__name__)`;
          const { stdout, stderr } = await notebook.run(code);
          return stdout.trim() || stderr;
        };
        const refused = /^(?:PermissionError|FileNotFoundError|ProcessLookupError|False|OSError)$/u;

        it("cannot signal, look at, or limit its process", async () => {
          const [victim, hostile] = [open(), open()];
          const { stdout } = await victim.run("import os\nsecret = 'quite a secret'\nprint(os.getpid(), os.getppid())");
          const [pid, worker] = stdout.trim().split(" ");
          const setup = "import os, signal, ctypes, resource\nlibc = ctypes.CDLL(None)";
          for (const target of [pid, worker]) {
            for (const number of ["SIGKILL", "SIGCONT", "SIGTERM", "SIGSTOP"]) {
              expect(await attempt(hostile, setup, `os.kill(${target}, signal.${number}) or True`)).toMatch(refused);
            }
            expect(await attempt(hostile, setup, `libc.ptrace(16, ${target}, 0, 0) == 0`)).toBe("False");
            const limit = `resource.prlimit(${target}, resource.RLIMIT_CPU, (1, 1)) or True`;
            expect(await attempt(hostile, setup, limit)).toMatch(refused);
            for (const file of ["mem", "environ", "maps", "cmdline", "status", "fd/1"]) {
              expect(await attempt(hostile, "", `open('/proc/${target}/${file}', 'rb').read(1)`)).toMatch(refused);
            }
          }
          await attempt(hostile, setup, "os.kill(-1, signal.SIGKILL)");
          await attempt(hostile, setup, `os.killpg(${pid}, signal.SIGKILL)`);
          const next = await victim.run("print(secret)");
          expect(next).toMatchObject({ stdout: "quite a secret\n" });
          expect(next).not.toHaveProperty("reruns");
        });

        it("finds no file of it", async () => {
          const [victim, hostile] = [open(), open()];
          const place = "import os\nprint(os.stat('.').st_uid, os.path.realpath('file')[::-1])"; // paths are disguised
          const [user, reversed = ""] = (await victim.run(`open('file', 'w').write('x')\n${place}`)).stdout
            .trim()
            .split(" ");
          const path = [...reversed].toReversed().join("");
          expect(path).toMatch(/^\/tmp\/.*\/file$/u);
          if (process.geteuid?.() === 0) expect((await hostile.run(place)).stdout.split(" ")[0]).not.toBe(user);
          for (const attack of [
            `open('${path}').read()`,
            `open('${path}', 'w')`,
            "os.listdir('..')",
            "os.listdir('../..')",
          ]) {
            expect(await attempt(hostile, "import os", attack)).toMatch(refused);
          }
          await victim.run("open('/dev/shm/left', 'w').write('x')");
          expect(await attempt(hostile, "import os", "os.path.exists('/dev/shm/left')")).toBe("False");
          expect(await victim.run("print(open('file').read())")).toMatchObject({ stdout: "x\n" });
        });

        it("has no socket to reach it by", async () => {
          const setup = "import socket";
          for (const family of ["AF_INET", "AF_UNIX", "AF_INET6"]) {
            expect(await attempt(open(), setup, `socket.socket(socket.${family}, socket.SOCK_STREAM)`)).toBe(
              "PermissionError",
            );
          }
        });

        it("cannot write into its outputs, nor into what the worker notes of it", async () => {
          const [victim, hostile] = [open(), open()];
          await victim.run("x = 1");
          const shared = "[line for line in open('/proc/self/maps') if 'rw-s' in line]";
          const { stdout } = await hostile.run(
            `import os\nprint(len(${shared}), sorted(map(int, os.listdir('/proc/self/fd'))))`,
          );
          if (stdout !== "") expect(stdout).toMatch(/^1 \[0, 1, 2, 3, 4, 5\]\n$/u); // its own notes and spare streams
          expect(await victim.run("print(x)")).toMatchObject({ stdout: "1\n" });
        });
      });

      it("leaves nothing behind, one after two hundred others", async () => {
        const other = await openSandbox({ isolation, size: 2, maxSessions: 8 });
        await Promise.all([other.run("print(1)"), other.run("print(1)")]);
        const before = await descendants(process.pid);
        const results = await Promise.all(
          Array.from({ length: 200 }, async (_, index) => {
            const notebook = open(other.sandbox);
            await notebook.run(`x = ${index}\nopen('file', 'w').write('x')`);
            const { stdout } = await notebook.run("print(x)");
            notebook.end();
            return stdout;
          }),
        );
        expect(results).toEqual(results.map((_, index) => `${index}\n`));
        await Promise.all([other.run("print(1)"), other.run("print(1)")]); // behind the last end
        expect(await descendants(process.pid)).toEqual(before);
        await other.sandbox.close();
      });

      it("ends with its pool", async () => {
        const marker = newMarker();
        const other = await openSandbox({ isolation, size: 2 });
        const notebooks = [open(other.sandbox), open(other.sandbox), open(other.sandbox)];
        await Promise.all(notebooks.map((notebook) => notebook.run(named(marker))));
        const running = notebooks[0]?.run("while True: pass");
        const settled = Promise.allSettled([running]);
        await waitForMarked(marker, (count) => count === 3);
        await other.sandbox.close();
        expect((await settled)[0]?.status).toBe("rejected");
        await waitForMarked(marker, (count) => count === 0);
        await expect(notebooks[1]?.run("print(1)")).rejects.toThrow("closed");
      });
    });
  }
});
