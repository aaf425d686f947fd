import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import OpenAI from "openai";
import type { OpenEngineConfig } from "../pipeline/adapters/openai-engine/engine-config.ts";
import { openEngine } from "../pipeline/adapters/openai-engine/open-engine.ts";
import { openTurnJournal } from "../pipeline/adapters/run-directory/turn-journal.ts";
import type { SelectedProblem } from "../pipeline/artifacts/problem.ts";
import { profileSchema } from "../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../pipeline/artifacts/run-config.ts";
import { wallClock } from "../pipeline/commands/stage-runs.ts";
import { readYaml } from "../pipeline/commands/yaml-file.ts";
import { reasoningRules } from "../pipeline/core/strategy.ts";
import { emptyCheckpoint, generateCandidates } from "../pipeline/stages/generate.ts";
import type { Engine, PythonSandbox } from "../pipeline/stages/ports.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import { answer, program } from "./engines/instant-texts.ts";
import { quantile } from "./interleaved-rounds.ts";

const concurrency = 512;
const problems = 20;
const width = 48;
const depth = 4;
const profileFile = fileURLToPath(new URL("../profiles/tir.yaml", import.meta.url));

/** Of streamed turns, which take as long as a model would: all candidates at once, so that there are four waves. */
const streamedProblems = 10;

/** What a round gave: turns per second of this process's time, and the event loop's delay in milliseconds. */
interface Round {
  turns: number;
  perSecond: number;
  cpuSeconds: number;
  median: number;
  p99: number;
}

export const benchmark: Benchmark = {
  name: "orchestration",
  compares:
    "The generate stage with 512 turns in flight at an engine that answers at once, journal and all, without HTTP and over " +
    "HTTP, with a bare loop over the SDK; and turns of 300 tokens in one piece with the same ones streamed token by token. Per " +
    "second of one core's time; median and p99 are the event loop's delay.",

  async measure({ rounds, say }) {
    const server = execa(process.execPath, [fileURLToPath(new URL("./engines/instant-engine.ts", import.meta.url))], {
      stdin: "pipe",
      stdout: "pipe",
      buffer: false,
      reject: false,
    });
    try {
      const [baseUrl] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
      const itself: Round[] = [];
      const ours: Round[] = [];
      const bare: Round[] = [];
      const long: Round[] = [];
      const streamed: Round[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        say(`round ${round} of ${rounds}${round === 0 ? ", which is not counted" : ""}`);
        const alone = await timed(() => generateStage(instantEngine(), problems));
        const overHttp = await timed(() => generateStage(clientOf(baseUrl), problems));
        const loop = await timed(() => bareLoop(baseUrl));
        const longOnes = await timed(() => generateStage(clientOf(baseUrl, { model: "thinks" }), streamedProblems));
        const tokenByToken = await timed(() =>
          generateStage(clientOf(baseUrl, { model: "thinks", streaming: true }), streamedProblems),
        );
        if (round === 0) continue; // compiled code and open connections from here on
        itself.push(alone);
        ours.push(overHttp);
        bare.push(loop);
        long.push(longOnes);
        streamed.push(tokenByToken);
      }
      const task = "turns, four to a candidate";
      const alone = rowOf(task, "sctir, an engine in the same process", itself);
      const overHttp = rowOf(task, "sctir, over HTTP", ours);
      const loop = rowOf(task, "a bare loop over the SDK", bare);
      const longTask = "turns of 300 tokens";
      return {
        conditions: { concurrency, turns: turnsOf(problems), longTurns: turnsOf(streamedProblems) },
        rows: [
          alone,
          { ...overHttp, ratio: ratioOf(itself, ours) },
          { ...loop, ratio: ratioOf(itself, bare) },
          rowOf(longTask, "sctir, over HTTP", long),
          { ...rowOf(longTask, "sctir, over HTTP, streamed", streamed), ratio: ratioOf(long, streamed) },
        ],
        aims: [
          {
            aim: "at least 2,000 turns per second on one core, the requests themselves left out",
            ...{ measured: alone.perSecond.toFixed(0), reached: alone.perSecond >= 2000 },
          },
          {
            aim: "event-loop delay p99 under 20 ms at 512 concurrent candidates",
            ...{ measured: `${overHttp.p99.toFixed(1)} ms`, reached: overHttp.p99 < 20 },
          },
        ],
      };
    } finally {
      server.stdin.end();
      await server;
    }
  },
};

const turnsOf = (problems: number) => problems * width * depth;

/** Returns the number of turns. */
async function generateStage(engine: Engine, problems: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "sctir-bench-"));
  const config = runConfigSchema.parse({
    problems: [{ set: "bench", file: "unused.jsonl" }],
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "instant" }, // who asks has the engine
    sampling: { width, depth },
    schedule: { concurrency },
  });
  const profile = profileSchema.parse(await readYaml(profileFile, "profile"));
  const journal = await openTurnJournal(join(folder, "turns.jsonl"));
  try {
    await engine.connect();
    const rules = reasoningRules(profile, config);
    const candidates = await generateCandidates(
      Array.from({ length: problems }, (_, index) => problem(index)),
      emptyCheckpoint(),
      { engine, sandbox: instantSandbox, journal, clock: wallClock, observe: () => {} },
      {
        config: { ...config, answer: profile.policy },
        rules,
        ...{ beganAt: wallClock.now(), stopping: new AbortController().signal, secondsSpent: 0 },
      },
    );
    const made = candidates.reduce((sum, candidate) => sum + candidate.turns, 0);
    if (made !== turnsOf(problems)) throw new Error(`${made} turns were made, not ${turnsOf(problems)}.`);
    return made;
  } finally {
    await journal.close();
    await engine.close();
    await rm(folder, { recursive: true });
  }
}

function clientOf(baseUrl: string, options: Partial<OpenEngineConfig> = {}): Engine {
  const chat = { user: "{problem}" };
  return openEngine({ ...engineOptions, ...options, baseUrls: [baseUrl], chat });
}

/** Answers as the one behind HTTP does. */
function instantEngine(): Engine {
  return {
    connect: async () => ({ kind: "instant", model: "instant", maxModelLen: 8192 }),
    close: async () => {},
    async generate({ requestId }) {
      const isLast = requestId.endsWith(`:${depth - 1}`);
      return {
        ...{ kind: "generation", requestId: `${requestId}:0`, text: isLast ? answer : program, finish: "stop" },
        ...(isLast ? {} : { stopString: "```output\n" }),
        ...{ tokens: { prompt: 100, completion: 30 }, milliseconds: 0 },
      };
    },
  };
}

async function bareLoop(baseURL: string): Promise<number> {
  const turns = turnsOf(problems);
  const client = new OpenAI({ baseURL, apiKey: "none", logLevel: "off" }); // with its retries, as anybody would
  const prompt = `${problem(0).statement}\n`.repeat(4);
  let asked = 0;
  const worker = async () => {
    for (let index = asked++; index < turns; index = asked++) {
      const body = { model: "instant", prompt, max_tokens: 2048, request_id: `bench/p0:0:0:${index % depth}:0` };
      await client.completions.create(body);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return turns;
}

/** One core's time of this process is what orchestration costs; what the server takes is the server's. */
async function timed(task: () => Promise<number>): Promise<Round> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const began = process.cpuUsage();
  const turns = await task();
  const { user, system } = process.cpuUsage(began);
  delay.disable();
  const cpuSeconds = (user + system) / 1e6;
  return {
    ...{ turns, perSecond: turns / cpuSeconds, cpuSeconds },
    ...{ median: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 },
  };
}

function rowOf(task: string, way: string, rounds: readonly Round[]): Row {
  const medians = rounds.map(({ median }) => median);
  const runs = rounds.reduce((sum, { turns }) => sum + turns, 0);
  return {
    ...{ task, way, runs },
    perSecond: runs / rounds.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    median: quantile(medians, 0.5),
    p99: quantile(
      rounds.map(({ p99 }) => p99),
      0.5,
    ),
    spread: { lowest: Math.min(...medians), highest: Math.max(...medians) },
  };
}

function ratioOf(ours: readonly Round[], bare: readonly Round[]) {
  const ratios = ours.map((round, index) => round.perSecond / (bare[index]?.perSecond ?? Number.NaN));
  return { median: quantile(ratios, 0.5), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

function problem(index: number): SelectedProblem {
  const statement = `Problem ${index}: how many positive integers below 1000 are multiples of 7 or of 11, but not of both?`;
  return { problemId: `bench/p${index}`, set: "bench", statement, gold: "42", answer: "42", flags: [] };
}

const engineOptions = {
  model: "instant",
  dialect: "vllm",
  transport: "completions",
  requestTimeoutSeconds: 600,
  maxAttempts: 1,
} as const;

/** Programs cost another core's time: here they cost nothing. */
const instantSandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("nobody asks")),
  execute: async () => ({
    ...{ outcome: "ok", stdout: "42\n", stderr: "", outputBytes: 3 },
    ...{ milliseconds: 0, cpuMilliseconds: 0, peakMemoryMiB: 0 },
  }),
  endSession: () => {},
  close: async () => {},
};
