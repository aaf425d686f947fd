import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { findInterpreter } from "../pipeline/adapters/sandbox/interpreter.ts";
import { openPythonSandbox } from "../pipeline/adapters/sandbox/python-pool.ts";
import type { PythonSandbox } from "../pipeline/stages/ports.ts";
import type { Benchmark, BenchmarkResult, Contest, Quoted, Row, Way } from "./benchmark.ts";
import { inBubblewrap, inSubprocess, type Run, runFresh } from "./fresh-interpreter.ts";
import { measure } from "./interleaved-rounds.ts";

/** A program, as a trace of the winning notebook would have it run: with its three imports in front. */
interface Task {
  name: string;
  code: string;
  stdout: string; // without the last line's end
}

const imports = "import math\nimport numpy as np\nimport sympy as sp\n";

const tasks: Task[] = [
  { name: "a trivial block", code: "print(2 + 2)", stdout: "4" },
  {
    name: "a sympy.solve",
    code: "x = sp.symbols('x')\nprint(sp.solve(x**3 - 6*x**2 + 11*x - 6, x))",
    stdout: "[1, 2, 3]",
  },
  {
    name: "a numpy block",
    code: "a = np.arange(10000.0).reshape(100, 100)\nprint(np.linalg.matrix_rank(a), int((a @ a.T).trace()))",
    stdout: "2 333283335000",
  },
];

const endless = { name: "a time-out: beyond its limit", code: `${imports}while True: pass` };
const forkLoop = {
  name: "a loop of forks: beyond its limit",
  code: `${imports}import os
while True:
    try: os.fork()
    except OSError: pass`,
};
const limitSeconds = 1;
const amplySeconds = 120; // no block of the tasks comes near it

// A session goes on for no longer than a hundred blocks; a candidate's has as many as it has turns.
const sessionBlocks = 100;
const inSession = (task: string) => `${task}, in a session`;
const goingOn = "sctir's pool, a session that goes on";
const newEach = "sctir's pool, a new session each";

// A peer's sandbox, in another run on another machine of two cores, with two clients.
const peer = "a peer's interpreters, without isolation";
const quoted: Quoted[] = [
  { task: inSession("a trivial block"), way: `${peer}: a session that goes on`, perSecond: 940, median: 1.7 },
  { task: inSession("a trivial block"), way: `${peer}: a new session each`, perSecond: 23 },
  { task: inSession("a sympy.solve"), way: `${peer}: a session that goes on`, perSecond: 143 },
];

const pool = "sctir's pool";
const poolLimits = "sctir's pool, with limits";
const notebook = "a fresh python3 (the notebook's way)";
const bubblewrapEach = "a fresh python3 in bubblewrap";

type Execute = (code: string, timeoutSeconds: number) => Promise<Run>;

export const benchmark: Benchmark = {
  name: "python-execution",
  compares: "The pool of fork servers with a new interpreter for each block, as it is and in bubblewrap.",

  async measure({ rounds, say }) {
    const { executable } = await findInterpreter();
    const sandbox = await openPythonSandbox();
    const limited = await openPythonSandbox({ isolation: "limits" }); // starts no worker before it is used
    try {
      const { python, packages, isolation } = await sandbox.describe();
      const concurrency = availableParallelism();
      const fresh = 3 * concurrency; // as many take about a second on an idle machine
      const ways: [name: string, execute: Execute, runsPerRound: number][] = [
        [pool, throughPool(sandbox), 40 * fresh],
        [notebook, (code, seconds) => runFresh(inSubprocess(executable), code, seconds), fresh],
      ];
      const boxed: Execute = (code, seconds) => runFresh(inBubblewrap(executable), code, seconds);
      if ((await boxed("print(1)", amplySeconds).catch(() => undefined))?.stdout === "1") {
        ways.push([bubblewrapEach, boxed, fresh]);
      } else {
        say("bubblewrap does not work here: that comparison is left out.");
      }

      const rows: Row[] = [];
      for (const task of tasks) {
        say(`${task.name}, ${rounds} rounds`);
        rows.push(...(await measure(contest(task.name, ways, inTime(task)), { rounds, concurrency })));
      }
      for (const task of tasks.slice(0, 2)) {
        say(`${inSession(task.name)}, ${rounds} rounds`);
        const inSessions: typeof ways = [
          [goingOn, throughSessions(sandbox, sessionBlocks), 40 * fresh],
          [newEach, throughSessions(sandbox, 1), 4 * fresh],
        ];
        rows.push(...(await measure(contest(inSession(task.name), inSessions, inTime(task)), { rounds, concurrency })));
      }
      say(`a time-out, ${rounds} rounds`);
      const patient = ways.map(([name, execute]): (typeof ways)[number] => [name, execute, 2 * concurrency]);
      const late = await measure(contest(endless.name, patient, lateness(endless)), { rounds, concurrency });
      // Of the pool alone: elsewhere it would take the machine.
      const levels: typeof ways = patient.slice(0, 1);
      if (isolation === "bubblewrap") levels.push([poolLimits, throughPool(limited), 2 * concurrency]);
      say(`a loop of forks, ${rounds} rounds`);
      late.push(...(await measure(contest(forkLoop.name, levels, lateness(forkLoop)), { rounds, concurrency })));
      rows.push(...late.map(({ ratio: _, ...row }) => row)); // the limit itself is most of the time

      const versions = `numpy ${packages.numpy}, sympy ${packages.sympy}`;
      return { conditions: { python, packages: versions, isolation, concurrency }, rows, quoted, aims: aimsOf(rows) };
    } finally {
      await Promise.all([sandbox.close(), limited.close()]);
    }
  },
};

const usual = { showLastExpression: false, memoryMiB: 1024 };

function throughPool(sandbox: PythonSandbox): Execute {
  return async (code, timeoutSeconds) => {
    const { outcome, stdout } = await sandbox.execute({ code, earlier: [], timeoutSeconds, ...usual });
    return { stdout: stdout.trimEnd(), timedOut: outcome === "timeout" };
  };
}

/** As many sessions as runs at a time, each replaced after so many blocks. */
function throughSessions(sandbox: PythonSandbox, blocksAtMost: number): Execute {
  const free: { session: string; earlier: string[] }[] = [];
  return async (code, timeoutSeconds) => {
    const { session, earlier } = free.pop() ?? { session: randomUUID(), earlier: [] };
    const { outcome, stdout } = await sandbox.execute({ code, earlier, session, timeoutSeconds, ...usual });
    if (earlier.length + 1 < blocksAtMost) free.push({ session, earlier: [...earlier, code] });
    else sandbox.endSession(session);
    return { stdout: stdout.trimEnd(), timedOut: outcome === "timeout" };
  };
}

function contest(
  task: string,
  ways: readonly [string, Execute, number][],
  milliseconds: (execute: Execute) => Promise<number>,
): Contest {
  const [first, ...others] = ways.map(
    ([name, execute, runsPerRound]): Way => ({ name, runsPerRound, runOnce: () => milliseconds(execute) }),
  );
  if (!first) throw new Error("There is at least the pool.");
  return { task, ways: [first, ...others] };
}

/** From the request to the answer, which has to be right. */
function inTime({ name, code, stdout }: Task): (execute: Execute) => Promise<number> {
  return async (execute) => {
    const began = performance.now();
    const run = await execute(imports + code, amplySeconds);
    const milliseconds = performance.now() - began;
    if (run.stdout !== stdout) throw new Error(`${name} gave ${JSON.stringify(run)}.`);
    return milliseconds;
  };
}

/** How long after its limit the answer to a program without end comes, when nothing of it is left. */
function lateness({ name, code }: Pick<Task, "name" | "code">): (execute: Execute) => Promise<number> {
  return async (execute) => {
    const began = performance.now();
    const run = await execute(code, limitSeconds);
    if (!run.timedOut) throw new Error(`${name} gave ${JSON.stringify(run)}.`);
    return performance.now() - began - 1000 * limitSeconds;
  };
}

function aimsOf(rows: Row[]): BenchmarkResult["aims"] {
  const find = (task: string, way: string) => rows.find((row) => row.task === task && row.way === way);
  const atLeast = (task: string, times: number) => {
    const measured = find(task, notebook)?.ratio?.median ?? Number.NaN;
    return {
      aim: `${task}: at least ${times} times as many per second as with ${notebook}`,
      ...{ measured: `${measured.toFixed(0)} times`, reached: measured >= times },
    };
  };
  const tail = tasks.map(({ name }) => {
    const { median = Number.NaN, p99 = Number.NaN } = find(name, pool) ?? {};
    const measured = p99 / median;
    return {
      aim: `${name}: p99 at most 3 times the median`,
      ...{ measured: `${measured.toFixed(1)} times`, reached: measured <= 3 },
    };
  });
  const inTimeAfter = ({ task, way, p99 }: Row) => ({
    aim: `${task}, ${way}: the answer at most 250 ms after it (p99)`,
    ...{ measured: `${p99.toFixed(0)} ms`, reached: p99 <= 250 },
  });
  const ours = rows.filter(({ task, way }) => task.endsWith("beyond its limit") && way.startsWith(pool));
  const notSlower = quoted.flatMap(({ task, way, perSecond }) => {
    const row = find(task, way.endsWith(": a new session each") ? newEach : goingOn);
    if (!row) return [];
    const measured = `${row.perSecond.toFixed(0)} per second`;
    return { aim: `${task}, as fast as ${way} (${perSecond})`, measured, reached: row.perSecond >= perSecond };
  });
  return [atLeast("a trivial block", 50), atLeast("a sympy.solve", 6), ...tail, ...notSlower, ...ours.map(inTimeAfter)];
}
