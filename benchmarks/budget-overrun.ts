import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { profileSchema } from "../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../pipeline/artifacts/run-config.ts";
import { readYaml } from "../pipeline/commands/yaml-file.ts";
import { sctir } from "../tests/helpers/sctir.ts";
import type { Benchmark } from "./benchmark.ts";
import { type CandidateEnd, statementOf, timedExam } from "./budgets/timed-exam.ts";
import type { ProblemLog } from "./engines/stuck-engine.ts";
import { quantile } from "./interleaved-rounds.ts";

const engineFile = fileURLToPath(new URL("./engines/stuck-engine.ts", import.meta.url));
const profileFile = fileURLToPath(new URL("../profiles/tir.yaml", import.meta.url));
const card = "t4x2-deepseekmath-7b-gptq8";
const speedUp = 20;

/** Computes until its standard input ends, as it does if this process is killed. */
const busyScript = `
  process.stdin.resume().on("end", () => process.exit());
  const compute = () => {
    for (const until = Date.now() + 50; Date.now() < until; );
    setImmediate(compute);
  };
  compute();`;

/** How late candidates ended, or a process, in real milliseconds after its limit. */
interface Overrun {
  what: string;
  limitSeconds: number;
  late: number[];
  /** What the engine saw, where it is a process of its own. */
  log?: ProblemLog[];
}

export const benchmark: Benchmark = {
  name: "budget-overrun",
  compares:
    "The end of each candidate, and of a run, with the limit that its time has: engines that never answer, programs that " +
    "never end, on a machine half of whose cores are busy with something else.",

  async measure({ rounds, say }) {
    const folder = await mkdtemp(join(tmpdir(), "sctir-bench-"));
    const busy = Array.from({ length: Math.ceil(availableParallelism() / 2) }, () =>
      spawn(process.execPath, ["-e", busyScript]),
    );
    const server = execa(process.execPath, [engineFile], { stdin: "pipe", buffer: false, reject: false });
    try {
      const [url] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
      const overruns: Overrun[] = [];
      const some = Math.ceil(rounds / 2);
      for (const measured of [
        () => stuck(url, "hangs", { width: 64, limitSeconds: 1, problems: some }),
        () => stuck(url, "drips", { width: 64, limitSeconds: 1, problems: some }),
        () => stuck(url, "hangs", { width: 512, limitSeconds: 3, problems: Math.ceil(some / 2) }),
        () => busyPrograms(folder, { width: 48, limitSeconds: 2, problems: Math.ceil(some / 2) }),
        () => wholeRuns(url, folder, { width: 64, limitSeconds: 2, runs: Math.ceil(some / 2) }),
      ]) {
        const overrun = await measured();
        say(overrun.what);
        overruns.push(overrun);
      }
      return {
        conditions: { busyProcesses: busy.length },
        rows: [],
        figures: overruns.map(figuresOf),
        aims: aimsOf(overruns),
      };
    } finally {
      for (const one of busy) await end(one);
      server.stdin.end();
      await server;
      await rm(folder, { recursive: true });
    }
  },
};

interface Size {
  width: number;
  limitSeconds: number;
  problems: number; // that count, after one that does not: code is compiled then, as in all of a run but its beginning
}

/** All candidates of a problem wait for an engine that never finishes an answer. */
async function stuck(url: string, model: "hangs" | "drips", { width, limitSeconds, problems }: Size): Promise<Overrun> {
  const config = configOf({ kind: "vllm", baseUrl: `${url}/v1`, model }, width, {
    budget: { problemSeconds: limitSeconds },
  });
  const ends = await timedExam(config, await profileOf(), problems + 1);
  const what = `an engine that ${model}, ${width} requests`;
  return { what, limitSeconds, late: lateness(ends.slice(width), limitSeconds), log: await logOf(url) };
}

/** The emulated engine writes programs that spin until they are ended; as many as there are cores do so at a time. */
async function busyPrograms(folder: string, { width, limitSeconds, problems }: Size): Promise<Overrun> {
  const file = join(folder, "recordings.jsonl");
  const text = "```python\nwhile True:\n    pass\n```\n```output\n\n```\nThe answer is \\boxed{42}.";
  const traces = Array.from({ length: problems + 1 }, (_, index) =>
    JSON.stringify({ problem: statementOf(index), text }),
  );
  await writeFile(file, `${traces.join("\n")}\n`);
  const timing = { card, clock: { speedUp } };
  const config = configOf({ kind: "replay", recordings: [{ file }], timing }, width, {
    budget: { problemSeconds: limitSeconds * speedUp },
    python: { timeoutSeconds: 1 },
  });
  const ends = await timedExam(config, await profileOf(), problems + 1);
  return {
    what: `programs that spin, ${width} candidates`,
    limitSeconds,
    late: lateness(ends.slice(width), limitSeconds),
  };
}

/** The command line, from the first request that reaches the engine to the end of the process: vote and report are made. */
async function wholeRuns(
  url: string,
  folder: string,
  size: Omit<Size, "problems"> & { runs: number },
): Promise<Overrun> {
  const { width, limitSeconds, runs } = size;
  const config = join(folder, "run.json");
  const problems = Array.from({ length: 3 }, (_, id) => JSON.stringify({ id, problem: statementOf(id), answer: 42 }));
  await writeFile(join(folder, "problems.jsonl"), `${problems.join("\n")}\n`);
  const engine = { kind: "vllm", baseUrl: `${url}/v1`, model: "hangs" };
  const { sampling, budget, schedule } = configOf(engine, width, { budget: { totalSeconds: limitSeconds } });
  const source = { set: "bench", file: "problems.jsonl" };
  await writeFile(
    config,
    JSON.stringify({ problems: [source], profile: profileFile, engine, sampling, budget, schedule }),
  );
  const late: number[] = [];
  const log: ProblemLog[] = [];
  for (let run = 0; run < runs; run += 1) {
    const ended = await sctir(["run", config, "--out", join(folder, `run-${run}`)]);
    const at = Date.now();
    if (ended.exitCode !== 0) throw new Error(ended.stderr);
    const seen = await logOf(url);
    late.push(at - Math.min(...seen.map(({ firstAt }) => firstAt)) - 1000 * limitSeconds);
    log.push(...seen);
  }
  return { what: "sctir run, to its exit: totalSeconds", limitSeconds, late, log };
}

function configOf(engine: object, width: number, rest: object) {
  return runConfigSchema.parse({
    ...{ problems: [{ set: "bench", file: "unused.jsonl" }], engine, ...rest },
    ...{ sampling: { width }, schedule: { mode: "exam", concurrency: width } },
  });
}

async function profileOf() {
  return profileSchema.parse(await readYaml(profileFile, "profile"));
}

/** Only candidates that their budget ended: others are none of its business. */
function lateness(ends: readonly CandidateEnd[], limitSeconds: number): number[] {
  return ends.filter(({ outcome }) => outcome === "budget").map(({ after }) => after - 1000 * limitSeconds);
}

/** What the engine has seen since it was last asked. Connections that the client has just closed, it may not have seen yet. */
async function logOf(url: string): Promise<ProblemLog[]> {
  await sleep(200);
  const response = await fetch(`${url}/log`);
  return Object.values((await response.json()) as Record<string, ProblemLog>);
}

function figuresOf({ what, limitSeconds, late, log = [] }: Overrun) {
  const sum = (key: "requests" | "open") => log.reduce((total, entry) => total + entry[key], 0);
  return {
    ...{ what, "limit s": limitSeconds, ends: late.length },
    ...{
      "median ms late": quantile(late, 0.5),
      "p99 ms late": quantile(late, 0.99),
      "worst ms late": Math.max(...late),
    },
    "worst at the engine":
      log.length === 0
        ? ""
        : Math.max(...log.map(({ firstAt, lastClosedAt }) => lastClosedAt - firstAt)) - 1000 * limitSeconds,
    requests: log.length === 0 ? "" : sum("requests"),
    "left open": log.length === 0 ? "" : sum("open"),
  };
}

function aimsOf(overruns: readonly Overrun[]) {
  const open = overruns.flatMap(({ log = [] }) => log).reduce((sum, entry) => sum + entry.open, 0);
  const beyond = overruns.map(({ limitSeconds, late }) => Math.max(...late) / Math.max(1000, 10 * limitSeconds));
  return [
    {
      aim: "no end is later than its limit by more than a second or 1 %, whichever is more",
      measured: `at most ${Math.max(...overruns.flatMap(({ late }) => late)).toFixed(0)} ms`,
      reached: beyond.every((share) => share <= 1),
    },
    { aim: "the engine sees every open request closed", measured: `${open} left open`, reached: open === 0 },
  ];
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
