import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openPythonSandbox, type PythonSandboxOptions } from "../../../pipeline/adapters/sandbox/python-pool.ts";
import type { PythonSandbox } from "../../../pipeline/stages/ports.ts";
import { descendants, newMarker, waitForMarked } from "./processes-by-marker.ts";
import { type Draw, drawFrom, drawProgram, type SoakProgram } from "./soak-programs.ts";

export interface SoakOptions {
  executions: number;
  seed: number;
  isolation: NonNullable<PythonSandboxOptions["isolation"]>;
  size: number; // of the pool
  /** How often a worker is killed from outside, spread over the executions. */
  workerDeaths: number;
  checkpoints: number; // beside the first; an even number makes equal halves
  onCheckpoint?(checkpoint: Checkpoint): void;
}

/** What a process holds. `openFiles` is unknown of one that does not let us look: a worker, unless we are root. */
export interface Holding {
  pid: number;
  openFiles: number | undefined;
  residentMiB: number;
}

/** How things stand between two executions, after as many as it says. */
export interface Checkpoint {
  executions: number;
  seconds: number;
  node: Holding & { heapMiB: number; resources: number };
  /** All that descends from this process: the workers, and for bubblewrap the process above each. */
  workers: Holding[];
  zombies: number;
}

export interface SoakReport {
  isolation: string;
  size: number; // workers
  counts: Record<string, number>; // of each kind of program
  wrong: string[]; // what came of programs that did not do what they should
  checkpoints: Checkpoint[]; // the first when the workers are warm
  processesLeft: number[]; // after the end
  filesLeft: string[];
}

const anyProgram = { code: "", earlier: [], showLastExpression: false, timeoutSeconds: 60, memoryMiB: 256 };

/** Runs programs of every kind, twice as many at a time as there are workers, and looks at what they leave behind. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { executions, seed, isolation, size, workerDeaths } = options;
  const temporary = await mkdtemp(join(await realpath(tmpdir()), "sctir-soak-"));
  const usual = process.env.TMPDIR;
  process.env.TMPDIR = temporary; // where the workers' directories are made
  const before = new Set(await descendants(process.pid));
  const marker = newMarker();
  const draw = drawFrom(seed);
  const sandbox = await openPythonSandbox({ isolation, size });
  const report: SoakReport = {
    isolation: (await sandbox.describe()).isolation,
    size,
    counts: {},
    wrong: [],
    checkpoints: [],
    processesLeft: [],
    filesLeft: [],
  };
  const started = performance.now();
  const check = async (executions: number) => {
    await sandbox.describe(); // starts workers in the place of those that were killed
    // Each worker has one to run, and by then has ended the sessions that it was to end.
    await Promise.all(Array.from({ length: size }, () => sandbox.execute(anyProgram)));
    const checkpoint = await look(executions, (performance.now() - started) / 1000, before);
    report.checkpoints.push(checkpoint);
    options.onCheckpoint?.(checkpoint);
  };
  try {
    await runMany(sandbox, 20 * size, size, draw, marker, report); // what is made once is made by then
    await check(0);
    const rounds = Math.min(options.checkpoints, executions);
    for (let round = 1, done = 0; round <= rounds; round++) {
      const count = Math.round((executions * round) / rounds) - done;
      const deaths = Math.round((workerDeaths * round) / rounds) - Math.round((workerDeaths * (round - 1)) / rounds);
      const running = runMany(sandbox, count, size, draw, marker, report);
      for (let death = 0; death < deaths; death++) await killWorker(draw, before);
      await running;
      done += count;
      await check(done);
    }
  } finally {
    await sandbox.close();
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
  }
  await waitForMarked(marker, (count) => count === 0); // throws where it does not come about
  report.processesLeft = (await descendants(process.pid)).filter((pid) => !before.has(pid));
  report.filesLeft = await readdir(temporary);
  await rm(temporary, { recursive: true, force: true });
  return report;
}

async function runMany(
  sandbox: PythonSandbox,
  count: number,
  size: number,
  draw: Draw,
  marker: string,
  report: SoakReport,
): Promise<void> {
  let started = 0;
  const runOneAfterAnother = async () => {
    while (started < count) {
      started++;
      const { kind, program } = drawProgram(draw, marker);
      report.counts[kind] = (report.counts[kind] ?? 0) + 1;
      const wrong = await runOne(sandbox, program);
      if (wrong) report.wrong.push(`${kind}: ${program.request.code}\n${wrong}`);
    }
  };
  await Promise.all(Array.from({ length: 2 * size }, runOneAfterAnother));
}

/** What is wrong with what came of a program, if anything. */
async function runOne(sandbox: PythonSandbox, program: SoakProgram): Promise<string | undefined> {
  const { abortAfterMilliseconds } = program;
  if (abortAfterMilliseconds === undefined) {
    const { session } = program.request;
    if (session !== undefined) await runEarlier(sandbox, program.request);
    const result = await sandbox.execute(program.request);
    if (session !== undefined) sandbox.endSession(session);
    return program.isRight(result) ? undefined : JSON.stringify(result).slice(0, 2000);
  }
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("enough"), abortAfterMilliseconds);
  try {
    const result = await sandbox.execute({ ...program.request, signal: controller.signal });
    return `It was not aborted: ${JSON.stringify(result).slice(0, 2000)}`;
  } catch (reason) {
    return reason === "enough" ? undefined : String(reason);
  } finally {
    clearTimeout(timer);
  }
}

/** The blocks of a session before the one that counts, which may have less time. */
async function runEarlier(sandbox: PythonSandbox, request: SoakProgram["request"]): Promise<void> {
  for (const [index, code] of request.earlier.entries()) {
    await sandbox.execute({ ...request, code, earlier: request.earlier.slice(0, index), timeoutSeconds: 60 });
  }
}

async function killWorker(draw: Draw, spared: ReadonlySet<number>): Promise<void> {
  const workers = (await childrenOf(process.pid)).filter((pid) => !spared.has(pid));
  const victim = workers[draw(Math.max(1, workers.length))];
  if (victim !== undefined) process.kill(victim, "SIGKILL");
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8")));
  return lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number));
}

// ---- looking

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

async function look(executions: number, seconds: number, before: ReadonlySet<number>): Promise<Checkpoint> {
  collectGarbage(); // else what is garbage but not yet collected is chance
  const pids = (await descendants(process.pid)).filter((pid) => !before.has(pid));
  const states = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return {
    executions,
    seconds,
    node: {
      ...(await holding(process.pid)),
      heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
      resources: process.getActiveResourcesInfo().length,
    },
    workers: await Promise.all(pids.map(holding)),
    zombies: states.filter((state) => /\) Z /u.test(state)).length,
  };
}

async function holding(pid: number): Promise<Holding> {
  const [files, status] = await Promise.all([
    readdir(`/proc/${pid}/fd`).catch(() => undefined),
    readFile(`/proc/${pid}/status`, "utf8").catch(() => ""),
  ]);
  return { pid, openFiles: files?.length, residentMiB: Number(/VmRSS:\s+(\d+)/u.exec(status)?.[1] ?? 0) / 1024 };
}

// ---- judging

/** What a checkpoint may have more of than an earlier one; of a hundred thousand programs a leak of 100 bytes of heap, or 1 KiB elsewhere, is beyond it. */
const allowance = { files: 3, resources: 3, residentMiB: 24, heapMiB: 4 };

/** Node keeps what floods of output took that came at one moment: it grows with the most of them that ever did, no further. */
const floodMiB = 6;

/** All that is wrong with a report. Memory is what the second half had at most against what the first had. */
export function faultsOf({ wrong, size, checkpoints, processesLeft, filesLeft }: SoakReport): string[] {
  const faults = wrong.map((text) => `a wrong result of a program ${text}`);
  const [first, ...later] = checkpoints;
  const half = Math.ceil(later.length / 2);
  const [early, late] = [later.slice(0, half), later.slice(half)];
  if (!first || late.length === 0) return [...faults, "too few executions for a second half"];

  const zombies = Math.max(...checkpoints.map((checkpoint) => checkpoint.zombies));
  if (zombies > 0) faults.push(`${zombies} zombies`);
  const processes = [...new Set(checkpoints.map(({ workers }) => workers.length))];
  if (processes.length > 1) faults.push(`numbers of processes that differ: ${processes.join(", ")}`);
  if (processesLeft.length > 0) faults.push(`processes left at the end: ${processesLeft.join(", ")}`);
  if (filesLeft.length > 0) faults.push(`files left at the end: ${filesLeft.join(", ")}`);

  const compare = (what: string, allowed: number, of: (checkpoint: Checkpoint) => number) => {
    const [then, now] = [early, late].map((checkpoints) => Math.max(...checkpoints.map(of)));
    if (Number(now) > Number(then) + allowed) faults.push(`${what} grew from ${then} to ${now}`);
  };
  compare("Node's open files", allowance.files, ({ node }) => node.openFiles ?? 0);
  compare("Node's resources", allowance.resources, ({ node }) => node.resources);
  compare("Node's resident MiB", allowance.residentMiB + floodMiB * size, ({ node }) => node.residentMiB);
  compare("the MiB of Node's heap", allowance.heapMiB, ({ node }) => node.heapMiB);
  const most = (of: (worker: Holding) => number) => (checkpoint: Checkpoint) => Math.max(...checkpoint.workers.map(of));
  compare(
    "a worker's open files",
    allowance.files,
    most(({ openFiles }) => openFiles ?? 0),
  );
  compare(
    "a worker's resident MiB",
    allowance.residentMiB,
    most(({ residentMiB }) => residentMiB),
  );
  return faults;
}
