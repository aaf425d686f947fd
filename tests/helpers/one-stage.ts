// A process that runs one stage on a made run, `node one-stage.ts STAGE CANDIDATES`, and prints how many rows it wrote.
// Rows are made when they are read, so that what fills the memory is what the stage keeps.
import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { candidatesFile, selectedFile, turnsFile, votesFile } from "../../pipeline/artifacts/artifact-file.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { CheckpointBuilder, readSelected, runGenerate } from "../../pipeline/stages/generate.ts";
import type { Engine, PythonSandbox, RunStore } from "../../pipeline/stages/ports.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { profileNamed } from "./profiles.ts";
import { candidate, execution, problem, turn } from "./run-rows.ts";

const [stage = "", count = ""] = process.argv.slice(2);
const candidates = Number(count);
const inFlight = 512;
const width = 40;
const depth = 4;

/** As part of the text that it stands in, it would keep all of it. */
const rawAnswer = "\\frac{1}{2}+\\frac{1}{3}+\\frac{1}{4}+\\frac{1}{5}";
const reasoning = "Let us count the multiples of seven again. ".repeat(60);

function textOf(number: number, index: number): string {
  const end = index < depth - 1 ? "\n```python\nprint(42)\n```\n```output\n" : `The answer is $\\boxed{${rawAnswer}}$.`;
  return Buffer.from(`${reasoning}${number}${end}`).toString(); // a text of its own, as from a file or an engine
}

const keyOf = (number: number) => [`set/p${Math.floor(number / width)}`, number % width] as const;

const rows: Record<string, () => Iterable<unknown>> = {
  [selectedFile.name]: () => range(candidates / width).map((index) => problem(`set/p${index}`, "42")),
  [candidatesFile.name]: () => range(candidates).map((number) => candidate(...keyOf(number), String(number % 7))),
  [turnsFile.name]: turns,
  [votesFile.name]: () =>
    range(candidates / width).map((index) => ({
      ...{ problemId: `set/p${index}`, replicate: 0, answer: "0", tally: [], candidates: width, rule: "majority" },
    })),
};

/** As candidates that take turns write them, so many at a time. */
function* turns(): Generator<Turn> {
  for (let first = 0; first < candidates; first += inFlight) {
    for (const index of range(depth)) {
      for (const number of range(Math.min(inFlight, candidates - first))) {
        const isLast = index === depth - 1;
        yield turn(...keyOf(first + number), textOf(first + number, index), {
          ...{ turn: index, startedAt: 1000 * index, milliseconds: 900 },
          ...(isLast ? {} : { finish: "code", code: "\nprint(42)\n", execution: execution("ok") }),
        });
      }
    }
  }
}

function* range(length: number): Generator<number> {
  for (let index = 0; index < length; index += 1) yield index;
}

let written = 0;
const store: RunStore = {
  directory: "made",
  has: async ({ name }) => name in rows,
  async *rows({ name }) {
    yield* (rows[name]?.() ?? []) as Iterable<never>;
  },
  async replace(_, all) {
    for await (const _row of all) written += 1;
    return written;
  },
  readManifest: async () => undefined,
  writeManifest: async () => {},
  writeSummary: async () => {},
};

const engine: Engine = {
  connect: async () => ({ kind: "made", model: "made" }),
  close: async () => {},
  async generate({ requestId }) {
    const [id = "", , number, index] = requestId.split(":");
    const text = textOf(Number(id.slice("set/p".length)) * width + Number(number), Number(index));
    const stop = text.endsWith("```output\n") ? { stopString: "```output\n" } : {};
    const figures = { tokens: { prompt: 10, completion: 20 }, milliseconds: 1 };
    return { kind: "generation", requestId: `${requestId}:0`, text, finish: "stop", ...stop, ...figures };
  },
};

const sandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("nobody asks")),
  execute: async () => ({ ...execution("ok"), stdout: "42\n", stderr: "" }),
  endSession: () => {},
  close: async () => {},
};

const profile = profileNamed("tir");
const config = runConfigSchema.parse({
  problems: [{ set: "set", file: "unused.jsonl" }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "made" },
  sampling: { width, depth },
  schedule: { concurrency: inFlight },
});
const rules = reasoningRules(profile, config);

const stages: Record<string, () => Promise<unknown>> = {
  vote: () => runVote(store, config.vote),
  score: () =>
    runScore(store, {
      ...{ policy: profile.policy, vote: config.vote, runId: "made" },
      setting: { slots: inFlight, depth, afterAnswer: profile.afterAnswer },
    }),
  /** From a journal that holds all turns but the last ones. */
  async resume() {
    const builder = new CheckpointBuilder(await readSelected(store), rules, profile.policy);
    for (const row of turns()) builder.take(row);
    return generate(builder);
  },
  generate: async () => generate(new CheckpointBuilder(await readSelected(store), rules, profile.policy)),
};

async function generate({ checkpoint }: CheckpointBuilder): Promise<void> {
  const clock = new VirtualClock();
  await runGenerate(
    store,
    await readSelected(store),
    checkpoint,
    {
      ...{ engine, sandbox, clock, observe: () => {} },
      journal: { append: async () => {}, close: async () => {} },
    },
    {
      config: { ...config, answer: profile.policy },
      rules,
      ...{ beganAt: clock.now(), stopping: new AbortController().signal, secondsSpent: 0 },
    },
  );
}

await stages[stage]?.();
console.log(written);
