// A process that generates a made run with an engine that answers at once, `node generate-pass.ts DIRECTORY [TURNS]`,
// from where its journal stands, and prints what that took. After so many turns it is killed, as by a crash.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { openTurnJournal } from "../../pipeline/adapters/run-directory/turn-journal.ts";
import { keepHeapSmall } from "../../pipeline/cli/small-heap.ts";
import { wallClock } from "../../pipeline/commands/stage-runs.ts";
import { CheckpointBuilder, readSelected, runGenerate } from "../../pipeline/stages/generate.ts";
import type { Engine, PythonSandbox } from "../../pipeline/stages/ports.ts";
import { messageOf } from "./made-run.ts";
import { madeSetting } from "./made-setting.ts";

keepHeapSmall(); // as the command line does
const [directory = "", killedAfter] = process.argv.slice(2);
const store = await openRunDirectory(directory);
const { config, profile, rules } = await madeSetting();

const engine: Engine = {
  connect: async () => ({ kind: "made", model: "made", maxModelLen: 8192 }),
  close: async () => {},
  async generate({ requestId, seed }) {
    const turn = Number(requestId.split(":").at(-1));
    const { text, code } = messageOf(seed % 1_000_003, turn);
    return {
      ...{ kind: "generation", requestId: `${requestId}:0`, text, finish: "stop" },
      ...(code === undefined ? {} : { stopString: "```output\n" }),
      ...{ tokens: { prompt: 700 * (turn + 1), completion: 750 }, milliseconds: 0 },
    };
  },
};

const sandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("nobody asks")),
  execute: async () => ({
    ...{ outcome: "ok", stdout: "7 49\n14 196\n21 441\n", stderr: "", outputBytes: 19 },
    ...{ milliseconds: 0, cpuMilliseconds: 0, peakMemoryMiB: 0 },
  }),
  endSession: () => {},
  close: async () => {},
};

const began = process.cpuUsage();
const builder = new CheckpointBuilder(await readSelected(store), rules, profile.policy);
const journal = await openTurnJournal(join(directory, "turns.jsonl"), { take: (row) => builder.take(row) });
let turns = 0;
await runGenerate(
  store,
  await readSelected(store),
  builder.checkpoint,
  {
    ...{ engine, sandbox, journal, clock: wallClock },
    observe: ({ kind }) => {
      if (kind !== "turn") return;
      turns += 1;
      if (turns !== Number(killedAfter)) return;
      report();
      process.kill(process.pid, "SIGKILL");
    },
  },
  {
    config: { ...config, answer: profile.policy },
    rules,
    ...{ beganAt: wallClock.now(), stopping: new AbortController().signal, secondsSpent: builder.secondsSpent },
  },
);
await journal.close();
report();

function report(): void {
  const { user, system } = process.cpuUsage(began);
  writeSync(
    1,
    JSON.stringify({ cpuMilliseconds: (user + system) / 1000, peakMebibytes: process.resourceUsage().maxRSS / 1024 }),
  );
}
