import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAvailable, isolations, openSandbox, python, type SandboxUnderTest } from "./sandbox-under-test.ts";

const mebibyte = 2 ** 20;

describe.skipIf(!python)("the Python sandbox", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let { sandbox, run } = {} as SandboxUnderTest;
      beforeAll(async () => {
        ({ sandbox, run } = await openSandbox({ isolation, size: 1 }));
      });
      afterAll(() => sandbox.close());

      it("tells what runs the programs", async () => {
        const version = expect.stringMatching(/^\d+\.\d+/u);
        expect(await sandbox.describe()).toMatchObject({
          ...{ python: version, isolation, packages: { numpy: version, sympy: version, mpmath: version } },
        });
      });

      it("has a result for a program that ends well", async () => {
        expect(await run("print('a'); print('é')")).toEqual({
          outcome: "ok",
          stdout: "a\né\n",
          stderr: "",
          outputBytes: 5,
          milliseconds: expect.any(Number),
          cpuMilliseconds: expect.any(Number),
          peakMemoryMiB: expect.any(Number),
        });
      });

      it("draws random numbers that its seed and its text decide, alone and after earlier blocks", async () => {
        const program = "import random, numpy\nprint(random.random(), numpy.random.random())";
        const draw = async (code: string, seed: number, earlier: string[] = []) => {
          const limits = { timeoutSeconds: 20, memoryMiB: 512, showLastExpression: false };
          return (await sandbox.execute({ code, earlier, seed, ...limits })).stdout;
        };
        const first = await draw(program, 1);
        expect(await draw(program, 1)).toBe(first);
        expect(await draw(program, 1, ["import random\nrandom.random()"])).toBe(first);
        expect(await draw(program, 2)).not.toBe(first);
        expect(await draw(`${program} # another`, 1)).not.toBe(first);
      });

      it("tells how much time and memory a program has used", async () => {
        const { cpuMilliseconds, milliseconds, peakMemoryMiB } = await run(`
import time
block = bytearray(100 * 2**20)
while time.process_time() < 0.1: pass
time.sleep(0.2)`);
        expect(milliseconds).toBeGreaterThan(200);
        expect(cpuMilliseconds).toBeGreaterThan(50);
        expect(cpuMilliseconds).toBeLessThan(milliseconds);
        expect(peakMemoryMiB).toBeGreaterThan(99);
        expect(peakMemoryMiB).toBeLessThan(150);
      });

      it.each([
        ["ok", "import os; print('x', flush=True); os._exit(0)"],
        ["error", "1/0"],
        ["error", "import os; os._exit(3)"],
        ["error", "raise KeyboardInterrupt"],
        ["timeout", "print('before', flush=True)\nwhile True: pass"],
        ["timeout", "sum(range(10**12))"], // in C, where no signal handler gets a turn
        ["timeout", "import time; time.sleep(1000)"],
        ["timeout", "import signal\nfor n in (2, 14, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: pass"],
        ["timeout", "while True:\n  try:\n    while True: pass\n  except BaseException: pass"],
        ["timeout", "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"],
        ["memory", "x = bytearray(10**9)"],
        ["memory", "x = []\nwhile True: x.append(bytearray(10**6))"],
        ["memory", "import numpy as np; np.ones((50000, 50000))"],
        ["memory", "import ctypes\nx = bytearray(450 * 2**20)\nctypes.string_at(0)"],
        ["ok", "try: x = bytearray(10**9)\nexcept MemoryError: print('too big')"],
        ["output-limit", "while True: print('y' * 1000)"],
        ["output-limit", "import os\nwhile True: os.write(1, b'y' * 100000)"],
        ["crashed", "import ctypes; ctypes.string_at(0)"],
        ["crashed", "import os; os.abort()"],
        ["crashed", "import os; os.kill(os.getpid(), 9)"],
        ["crashed", "import os; os.kill(os.getpid(), 15)"],
      ])("calls it %s: %s", async (outcome, code) => {
        const limits = outcome === "timeout" ? { timeoutSeconds: 0.3 } : {};
        expect(await run(code, limits)).toMatchObject({ outcome });
      });

      it("keeps what a program wrote before its time was up", async () => {
        const result = await run("print('before', flush=True)\nwhile True: pass", { timeoutSeconds: 0.3 });
        expect(result).toMatchObject({ outcome: "timeout", stdout: "before\n" });
      });

      it("keeps the first MiB of an output without end, and gives it the same size each time", async () => {
        const result = await run("while True: print('abcdefg')");
        expect(result.stdout).toBe("abcdefg\n".repeat(mebibyte / 8));
        expect(result.outputBytes).toBe(mebibyte + 1);
      });

      it("takes an output of just one MiB, and not one byte more", async () => {
        const most = await run(`import sys; sys.stdout.write("x" * ${mebibyte})`);
        expect(most).toMatchObject({ outcome: "ok", outputBytes: mebibyte });
        const more = await run(`import sys; sys.stdout.write("x" * ${mebibyte + 1})`);
        expect(more).toMatchObject({ outcome: "output-limit", outputBytes: mebibyte + 1 });
      });

      it("keeps the end of a flooded stderr, where the exception is", async () => {
        const { outcome, stderr } = await run("import sys\nfor _ in range(9): sys.stderr.write('w' * 10**6)\n1/0");
        expect(outcome).toBe("error");
        expect(stderr.length).toBeLessThanOrEqual(mebibyte);
        expect(stderr).toMatch(/ZeroDivisionError: division by zero\n$/u);
      });

      it("replaces bytes that are no UTF-8", async () => {
        const { stdout } = await run(String.raw`import os; os.write(1, b"a\xffb")`);
        expect(stdout).toBe("a\u{fffd}b");
      });

      it("passes a program and its output through unchanged, whatever characters they have", async () => {
        const text = "quote ' \" backslash \\ line\u2028separator \u0007 \u{1f3b2}";
        const { stdout } = await run(`print(${JSON.stringify(text)}, end="")`);
        expect(stdout).toBe(text);
      });

      it("runs a long program", async () => {
        const { stdout } = await run(`x = 0\n${"x += 1\n".repeat(50_000)}print(x)`);
        expect(stdout).toBe("50000\n");
      });

      it("runs 40 MB of program, and tells where it does not compile", async () => {
        const limits = { timeoutSeconds: 120, memoryMiB: 2048 };
        const { stdout } = await run(`x = "${"a".repeat(40_000_000)}"\nprint(len(x))`, limits);
        expect(stdout).toBe("40000000\n");
        const nested = await run("(".repeat(40_000_000), limits);
        expect(nested).toMatchObject({ outcome: "error", stderr: expect.stringContaining("too many nested") });
      });

      it.each([
        ["nothing", "", "ok", ""],
        ["blanks", "\n \n\t\n", "ok", ""],
        ["comments", "# one\n# two", "ok", ""],
        ["a null character", "print(1)\0", "error", "null bytes"],
        ["an encoding that there is not", "# coding: nothing\nprint(1)", "error", "unknown encoding"],
        ["an encoding that it does not have", "# coding: utf-16\nprint(1)", "error", "SyntaxError"],
        ["another kind of file", "PK\u0003\u0004", "error", "non-printable character"],
      ])("takes a program of %s as Python does", async (_, code, outcome, message) => {
        expect(await run(code)).toMatchObject({ outcome, stdout: "", stderr: expect.stringContaining(message) });
      });

      it("takes what is no character for one that could not be decoded", async () => {
        expect(await run("print('\ud800', '\udc00' == '\ufffd')")).toMatchObject({ stdout: "\ufffd True\n" });
      });

      it("multiplies integers of any size", async () => {
        const { stdout } = await run("print(3**1000 * 7**1000 % 10**50, (2**127 - 1) ** 20)");
        const power = (2n ** 127n - 1n) ** 20n;
        expect(stdout).toBe(`${String(21n ** 1000n % 10n ** 50n)} ${power}\n`);
      });

      it("draws the same random numbers for the same program", async () => {
        const code = "import random, numpy\nprint(random.random(), numpy.random.rand(), list({'a', 'b', 'c'}))";
        const results = await Promise.all([run(code), run(code), run(code)]);
        expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
        const other = await run(`${code} # another`);
        expect(other.stdout).not.toBe(results[0]?.stdout);
      });

      describe("between programs", () => {
        it("lets no state of a preloaded module through", async () => {
          await run(
            "import math, sympy, builtins, sys\nmath.pi = 3\nsympy.pi = 3\nbuiltins.print = None\nsys.path.clear()",
          );
          await run("import os\nos.environ['LEFT'] = 'x'\nos.chdir('/')");
          const { stdout } = await run(
            "import math, sympy, os\nprint(math.pi, sympy.pi, 'LEFT' in os.environ, os.path.basename(os.getcwd())[:5])",
          );
          expect(stdout).toBe(`${Math.PI} pi False sctir\n`);
        });

        it.each([
          "os.makedirs('a/b/c'); open('a/b/file', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0)",
          "os.symlink('/usr', 'link'); os.mkfifo('pipe'); open('own', 'w').close(); os.link('own', 'hard')",
          "os.mkdir('sticky'); open('sticky/file', 'w').close(); os.chmod('sticky', 0o1777)",
          "os.remove('program.py'); os.mkdir('program.py'); open('program.py/file', 'w').close()",
          "os.remove('program.py'); os.symlink('/etc/hostname', 'program.py')",
          "[(os.mkdir('deep'), os.chdir('deep')) for _ in range(3000)]",
          "os.mkdir('removed-0'); os.makedirs('a/b/c/d')",
        ])("empties the directory: %s", async (code) => {
          const before = await run("import os; print(os.getppid())");
          expect(await run(`import os\n${code}`)).toMatchObject({ outcome: "ok", stderr: "" });
          const { stdout } = await run("import os; print(os.listdir('.'))");
          expect(stdout).toBe("['program.py']\n");
          expect((await run("import os; print(os.getppid())")).stdout).toBe(before.stdout); // the worker goes on
        });

        it("leaves no name behind", async () => {
          await run("secret = 1");
          expect(await run("print(secret)")).toMatchObject({ outcome: "error" });
        });
      });

      describe("the last expression", () => {
        const shown = (code: string) => run(code, { showLastExpression: true });

        it.each([
          ["x = 3\nx + 1", "4\n"],
          ["'text'", "text\n"],
          ["print(1)", "1\n"], // whose value is None
          ["None", ""],
          ["x = 1", ""],
          ["", ""],
          ["for i in range(2):\n  i", ""],
          ["1; 2", "2\n"],
          ["(1 +\n 2)", "3\n"],
          ["from fractions import Fraction\nFraction(1, 3)", "1/3\n"],
          ["from __future__ import annotations\ndef f(x: y): pass\nf.__annotations__['x']", "y\n"],
          ["print = 5\nprint", "5\n"],
          ["5 # a comment\n\n", "5\n"],
        ])("is shown: %j", async (code, stdout) => {
          expect(await shown(code)).toMatchObject({ outcome: "ok", stdout });
        });

        it("is not shown unless asked for", async () => {
          expect(await run("1 + 1")).toMatchObject({ outcome: "ok", stdout: "" });
        });

        it("has its exception in its own line", async () => {
          const { stderr } = await shown("x = 0\ny = 1\ny / x");
          expect(stderr).toMatch(/^Traceback .*\n {2}File "[^"]*program\.py", line 3, in <module>\n {4}y \/ x\n/u);
        });

        it("leaves a syntax error as it is", async () => {
          const code = "x = 1\nx +";
          expect((await shown(code)).stderr).toBe((await run(code)).stderr);
          const late = "x = 1\nreturn x\nx";
          expect((await shown(late)).stderr).toBe((await run(late)).stderr);
        });

        it("may fail to be shown", async () => {
          const { outcome, stderr } = await shown("class A:\n  def __str__(self): return 1/0\nA()");
          expect(outcome).toBe("error");
          expect(stderr).not.toMatch(/worker|script\.py/u);
          expect(stderr).toContain("in __str__");
        });
      });

      describe("earlier blocks", () => {
        it("run first in the same interpreter, in order and in silence", async () => {
          const earlier = ["import sys\nx = 1\nprint('a')", "x += 1\nsys.stderr.write('b')", "def f(): return x * 10"];
          expect(await run("print(f())", { earlier })).toMatchObject({ stdout: "20\n", stderr: "", outputBytes: 3 });
        });

        it.each(["1/0", "x = = 1", "exit(1)", "raise KeyboardInterrupt", "import os; os.close(1); print(1)"])(
          "may fail: %s",
          async (failing) => {
            const earlier = ["x = 1", `y = 2\n${failing}`, "z = 3"];
            const after = failing === "x = = 1" ? "print(x, z)" : "print(x, y, z)";
            const expected = failing === "x = = 1" ? "1 3\n" : "1 2 3\n";
            expect(await run(after, { earlier })).toMatchObject({ outcome: "ok", stdout: expected });
          },
        );

        it("do not use up the program's time", async () => {
          const earlier = ["import time\ntime.sleep(0.8)"];
          const result = await run("time.sleep(0.8); print('done')", { earlier, timeoutSeconds: 1.4 });
          expect(result).toMatchObject({ outcome: "ok", stdout: "done\n" });
        });

        it("have a limit of their own, after which the program runs", async () => {
          const result = await run("print(x)", { earlier: ["x = 1", "while True: pass"], timeoutSeconds: 1 });
          expect(result).toMatchObject({ outcome: "ok", stdout: "1\n" });
        });

        it("end everything when they cannot be interrupted", async () => {
          const result = await run("print(1)", { earlier: ["sum(range(10**12))"], timeoutSeconds: 0.3 });
          expect(result).toMatchObject({ outcome: "timeout", stdout: "" });
        });

        it("leave the program its streams", async () => {
          const earlier = ["import io, sys\nsys.stdout = io.StringIO()\nprint('kept')"];
          expect(await run("print('seen')", { earlier })).toMatchObject({ outcome: "ok", stdout: "seen\n" });
        });
      });
    });
  }
});
