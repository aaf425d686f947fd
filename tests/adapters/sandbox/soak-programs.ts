import type { PythonExecution, PythonRequest } from "../../../pipeline/stages/ports.ts";

const mebibyte = 2 ** 20;

/** A program, and what is to come of it. In a session, the earlier blocks are executed one by one before it. */
export interface SoakProgram {
  request: Omit<PythonRequest, "signal">;
  /** Ask for its end after so many milliseconds. */
  abortAfterMilliseconds?: number;
  isRight(result: PythonExecution): boolean;
}

/** Draws a whole number from 0 to below a bound. */
export type Draw = (bound: number) => number;

/** A generator of its own, so that a seed gives the same programs on every machine: mulberry32. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** Names its process in a way that is seen from outside; forks inherit the name. */
const named = (marker: string) => `import ctypes, os, time\nctypes.CDLL(None).prctl(15, b"${marker}")\n`;

function program(code: string, isRight: SoakProgram["isRight"], more: Partial<PythonRequest> = {}): SoakProgram {
  return {
    request: { code, earlier: [], showLastExpression: false, timeoutSeconds: 60, memoryMiB: 256, ...more },
    isRight,
  };
}

const ended =
  (outcome: PythonExecution["outcome"], stdout = ""): SoakProgram["isRight"] =>
  (result) =>
    result.outcome === outcome && result.stdout === stdout;

const timeLimit = { timeoutSeconds: 0.1 };

/** Leaves a process that has gone away from its parent and its session. */
const daemon = `if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(1)
    os._exit(0)
os.wait()
print("end")`;

/** Never two at a time by the same name. */
const newSession = (draw: Draw) => ({ session: `session-${draw(2 ** 32)}` });

interface Kind {
  /** How often, in thousandths. */
  share: number;
  make(draw: Draw, marker: string): SoakProgram;
}

const kinds: Record<string, Kind> = {
  trivial: {
    share: 600,
    make(draw) {
      const [a, b] = [draw(1e9), draw(1e9)];
      return program(`print(${a} * ${b})`, ended("ok", `${BigInt(a) * BigInt(b)}\n`));
    },
  },
  "a sympy.solve": {
    share: 70,
    make(draw) {
      const root = 1 + draw(50);
      const other = root + 1 + draw(50);
      const code = `import sympy as sp\nx = sp.symbols("x")\nprint(sp.solve(x**2 - ${root + other}*x + ${root * other}, x))`;
      return program(code, ended("ok", `[${root}, ${other}]\n`));
    },
  },
  "a numpy sum": {
    share: 50,
    make(draw) {
      const size = 1 + draw(1000);
      const code = `import numpy as np\nprint(int((np.ones((${size}, 100)) @ np.ones(100)).sum()))`;
      return program(code, ended("ok", `${size * 100}\n`));
    },
  },
  "with earlier blocks": {
    share: 50,
    make(draw) {
      const value = draw(1000);
      return program("print(x + 1)", ended("ok", `${value + 1}\n`), { earlier: [`x = ${value}\nprint(x)`, "1/0"] });
    },
  },
  "in a session": {
    share: 60,
    make(draw) {
      const value = draw(1000);
      const earlier = [`import sympy as sp\nx = sp.Integer(${value})`, "open('kept', 'w').write(str(x + 1))", "1/0"];
      const code = "print(x, open('kept').read())";
      return program(code, ended("ok", `${value} ${value + 1}\n`), { ...newSession(draw), earlier });
    },
  },
  "in a session that is rebuilt": {
    share: 10,
    make(draw) {
      const value = draw(1000);
      const earlier = [`x = ${value}`, "import os\nos._exit(3)"];
      return program("print(x)", ended("ok", `${value}\n`), { ...newSession(draw), earlier });
    },
  },
  "in a session after a daemon": {
    share: 10,
    make(draw, marker) {
      return program("print(2)", ended("ok", "2\n"), { ...newSession(draw), earlier: [named(marker) + daemon] });
    },
  },
  "in a session until its time is up": {
    share: 10,
    make(draw, marker) {
      const code = `${named(marker)}os.fork()\nwhile True: pass`;
      return program(code, ended("timeout"), { ...newSession(draw), earlier: ["x = 1"], ...timeLimit });
    },
  },
  "that fails": {
    share: 100,
    make(draw) {
      const name = `name_${draw(1e6)}`;
      return program(
        `print("before", flush=True)\n${name}`,
        ({ outcome, stdout, stderr }) =>
          outcome === "error" && stdout === "before\n" && stderr.endsWith(`NameError: name '${name}' is not defined\n`),
      );
    },
  },
  "that finds what others left behind": {
    share: 20,
    make: () => program('import os\nprint(os.listdir("."))', ended("ok", "['program.py']\n")),
  },
  "that leaves files": {
    share: 20,
    make(draw) {
      const code = `import os\nos.makedirs("a/b/${draw(1000)}")\nopen("a/b/file", "w").write("x" * 10**5)\nos.chmod("a", 0)`;
      return program(code, ended("ok"));
    },
  },
  "that leaves a daemon": {
    share: 25,
    make(_, marker) {
      return program(named(marker) + daemon, ended("ok", "end\n"));
    },
  },
  "that forks without end": {
    share: 3,
    make(_, marker) {
      const code = `${named(marker)}while True:\n  try: os.fork()\n  except OSError: pass`;
      return program(code, ended("timeout"), timeLimit);
    },
  },
  "that floods its output": {
    share: 10,
    make: () =>
      program(
        "while True: print('abcdefg' * 1000)",
        ({ outcome, outputBytes }) => outcome === "output-limit" && outputBytes === mebibyte + 1,
      ),
  },
  "whose time is up": {
    share: 15,
    make: (_, marker) => program(`${named(marker)}while True: pass`, ended("timeout"), timeLimit),
  },
  "that ignores the end of its time": {
    share: 5,
    make(_, marker) {
      const code = `${named(marker)}import signal
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except OSError: pass
sum(range(10**12))`;
      return program(code, ended("timeout"), timeLimit);
    },
  },
  "that is aborted": {
    share: 5,
    make(draw, marker) {
      const code = `${named(marker)}os.fork()\nwhile True: time.sleep(1)`;
      return { ...program(code, () => false), abortAfterMilliseconds: draw(40) };
    },
  },
  "that crashes": {
    share: 17,
    make(draw) {
      const ways = ["ctypes.string_at(0)", "os.abort()", "os.kill(os.getpid(), 9)"];
      return program(`import ctypes, os\n${ways[draw(ways.length)]}`, ended("crashed"));
    },
  },
  "that wants too much memory": {
    share: 10,
    make: () => program("x = bytearray(10**9)", ended("memory")),
  },
};

/** The name of a kind, drawn by its share, and a program of it. */
export function drawProgram(draw: Draw, marker: string): { kind: string; program: SoakProgram } {
  const shares = Object.entries(kinds);
  let left = draw(shares.reduce((sum, [, { share }]) => sum + share, 0));
  for (const [kind, { share, make }] of shares) {
    left -= share;
    if (left < 0) return { kind, program: make(draw, marker) };
  }
  throw new Error("The shares are as many as their sum.");
}
