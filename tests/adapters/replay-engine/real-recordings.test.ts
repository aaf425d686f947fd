import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRecordings, type Recordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import { type ReplayServer, startReplayServer } from "../../../pipeline/adapters/replay-engine/replay-server.ts";
import type { RecordingSource } from "../../../pipeline/artifacts/run-config.ts";
import { dataFolder, hasDataFolder } from "../../helpers/data-folder.ts";
import type { Json } from "./replay-fixture.ts";

/** How a family of models is talked with: what ends a turn, what becomes of it, how an output is written back. */
interface Manner {
  prompt: (statement: string) => string;
  stop: object;
  writeBack: (text: string, output: string) => string;
}

const numina: Manner = {
  prompt: (statement) => `### Problem: ${statement}\n### Solution: `,
  stop: { stop: ["```output\n"], include_stop_str_in_output: true },
  writeBack: (text, output) => `${text}${output}\n\`\`\``,
};

const tora: Manner = {
  prompt: (statement) => `<|user|>\n${statement}\n<|assistant|>\n`,
  stop: { stop: ["```output", "</s>"] },
  writeBack: (text, output) => `${text.trimEnd()}\n\`\`\`output\n${output}\n\`\`\`\n`,
};

interface Task {
  statement: string;
  candidate: number;
  problemId: string;
  text: string;
}

/** What stands in a trace's output blocks, found in another way than the engine does. */
function outputsOf(trace: string): string[] {
  return trace
    .split(/```output\n/u)
    .slice(1)
    .map((part) => part.split(/\n?```(?!python)/u)[0] ?? "");
}

/** Blanks and backticks next to a fence are the caller's affair, and so is how a text ends whose last output is missing. */
const seamless = (text: string) =>
  text
    .replace(/[\s`]*`{3}[\s`]*/gu, "```")
    .replace(/```(?:output(?:```)?)?$/u, "")
    .trim();

/** A server and connections to it that are kept: there are tens of thousands of requests. */
interface Connected {
  server: ReplayServer;
  pool: Pool;
}

async function complete({ pool }: Connected, body: object): Promise<{ status: number; body: Json }> {
  const { statusCode, body: answer } = await pool.request({
    path: "/v1/completions",
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: statusCode, body: await answer.json() };
}

/** A candidate's loop, with the recorded outputs in place of a sandbox. */
async function replayed(
  connected: Connected,
  { statement, candidate, problemId, text: recorded }: Task,
  manner: Manner,
) {
  const outputs = outputsOf(recorded);
  let text = "";
  for (let turn = 0; ; turn++) {
    const { status, body }: Json = await complete(connected, {
      prompt: manner.prompt(statement) + text,
      max_tokens: 8192,
      request_id: `${problemId}:0:${candidate}:${turn}:0`,
      ...manner.stop,
    });
    if (status !== 200) throw new Error(`${problemId}, candidate ${candidate}, turn ${turn}: ${body.error.message}`);
    const [choice] = body.choices;
    text += choice.text;
    if (choice.stop_reason === null) return text;
    const output = outputs.shift();
    if (output === undefined) return text; // the recording ends with the request for an output
    text = manner.writeBack(text, output);
  }
}

/** The same without stop strings, a few tokens at a time: the outputs come from the recording, too. */
async function stepped(
  connected: Connected,
  { statement, candidate, problemId }: Task,
  manner: Manner,
  maxTokens: number,
) {
  let text = "";
  for (let turn = 0; ; turn++) {
    const { status, body }: Json = await complete(connected, {
      prompt: manner.prompt(statement) + text,
      max_tokens: maxTokens,
      request_id: `${problemId}:0:${candidate}:${turn}:0`,
    });
    if (status !== 200) throw new Error(`${problemId}, candidate ${candidate}, turn ${turn}: ${body.error.message}`);
    text += body.choices[0].text;
    if (body.choices[0].finish_reason === "stop" || body.choices[0].text === "") return text;
  }
}

function tasksOf({ problems }: Recordings): Task[] {
  return problems.flatMap(({ statement, traces }, problem) =>
    traces.map((trace, candidate) => ({
      statement,
      candidate,
      problemId: `real/${problem}`,
      text: trace.kind === "whole" ? trace.text : "",
    })),
  );
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

const sample = fileURLToPath(new URL("../../../datasets/sample/recordings.jsonl", import.meta.url));
const recorded = (name: string) => `${dataFolder}/recordings/${name}`;

const sources: { name: string; source: RecordingSource; problems: number; traces: number; real: boolean }[] = [
  { name: "the sample set", source: { file: sample }, problems: 0, traces: 0, real: false },
  {
    name: "ToRA 70B",
    source: { file: recorded("tora-gsm8k-tir.jsonl"), where: { model: "tora-70b-v1.0" } },
    problems: 1319,
    traces: 1319,
    real: true,
  },
  {
    name: "ToRA Code 34B",
    source: { file: recorded("tora-gsm8k-tir.jsonl"), where: { model: "tora-code-34b-v1.0" } },
    problems: 1319,
    traces: 1319,
    real: true,
  },
  {
    name: "the tiny model",
    source: { file: recorded("tiny-tir-test200x8.jsonl") },
    problems: 200,
    traces: 1600,
    real: true,
  },
  {
    name: "GPT-4 ToRA",
    source: { file: recorded("gpt4-tora-math500.jsonl"), skipTo: "\n\nSolution:" },
    problems: 500,
    traces: 500,
    real: true,
  },
  {
    name: "GPT-4 ToRA, statements left in", // some are of another problem that is recorded, too
    source: { file: recorded("gpt4-tora-math500.jsonl") },
    problems: 500,
    traces: 500,
    real: true,
  },
  {
    name: "a 7B model in a contest, with glued fences",
    source: { file: recorded("aimo1-dsmath7b-tir.jsonl") },
    problems: 5,
    traces: 2053,
    real: true,
  },
];

for (const { name, source, problems, traces, real } of sources) {
  describe.skipIf(real && !hasDataFolder)(`the traces of ${name}`, () => {
    let connected: Connected;
    let recordings: Recordings;
    let tasks: Task[];

    beforeAll(async () => {
      recordings = await loadRecordings([source]);
      const server = await startReplayServer({ recordings, model: "replay", maxModelLen: 65536 });
      connected = { server, pool: new Pool(new URL(server.url).origin, { connections: 8 }) };
      tasks = tasksOf(recordings);
    });
    afterAll(async () => {
      await connected?.pool.close();
      await connected?.server.close();
    });

    it("are read whole", () => {
      if (real) expect({ problems: recordings.problems.length, traces: tasks.length }).toEqual({ problems, traces });
      expect(tasks.length).toBe(recordings.traces);
      expect(tasks.length).toBeGreaterThan(100);
    });

    it("come out as they went in, outputs written back as numina does", { timeout: 120_000 }, async () => {
      await inParallel(tasks, async (task) => {
        expect(seamless(await replayed(connected, task, numina))).toBe(seamless(task.text));
      });
    });

    it("come out as they went in, outputs written back as ToRA does", { timeout: 120_000 }, async () => {
      await inParallel(tasks, async (task) => {
        expect(seamless(await replayed(connected, task, tora))).toBe(seamless(task.text));
      });
    });

    it("come out exactly, 7 tokens at a time", { timeout: 120_000 }, async () => {
      const few = tasks.filter((_, index) => index % Math.ceil(tasks.length / 5) === 0);
      await inParallel(few, async (task) => {
        expect(await stepped(connected, task, numina, 7)).toBe(task.text);
      });
    });
  });
}
