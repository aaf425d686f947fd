// A process that takes one pass over a made run, `node one-pass.ts PASS DIRECTORY`, and prints what that took.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { openTurnJournal } from "../../pipeline/adapters/run-directory/turn-journal.ts";
import { keepHeapSmall } from "../../pipeline/cli/small-heap.ts";
import { CheckpointBuilder, readSelected } from "../../pipeline/stages/generate.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import type { Pass, Taken } from "../row-stages.ts";
import { inFlight } from "./made-run.ts";
import { madeSetting } from "./made-setting.ts";

keepHeapSmall(); // as the command line does
const [pass = "", directory = ""] = process.argv.slice(2);
const store = await openRunDirectory(directory);
const { config, profile, rules } = await madeSetting();

const ways: Record<Pass, () => Promise<unknown>> = {
  "plain candidates": () => plain("selected.jsonl", "candidates.jsonl"),
  "plain turns": () => plain("selected.jsonl", "turns.jsonl"),
  vote: () => runVote(store, config.vote),
  resume: async () => {
    const builder = new CheckpointBuilder(await readSelected(store), rules, profile.policy);
    const journal = await openTurnJournal(join(directory, "turns.jsonl"), { take: (row) => builder.take(row) });
    await journal.close();
    return builder.secondsSpent;
  },
  score: () =>
    runScore(store, {
      ...{ policy: profile.policy, vote: config.vote, runId: "made" },
      setting: { slots: inFlight, depth: rules.depth, afterAnswer: profile.afterAnswer },
    }),
};

/** The simplest sensible code. */
async function plain(...names: string[]): Promise<void> {
  for (const name of names) {
    for await (const line of createInterface({ input: createReadStream(join(directory, name)) })) JSON.parse(line);
  }
}

const began = process.cpuUsage();
await ways[pass as Pass]();
const { user, system } = process.cpuUsage(began);
const taken: Taken = {
  cpuMilliseconds: (user + system) / 1000,
  peakMebibytes: process.resourceUsage().maxRSS / 1024,
};
console.log(JSON.stringify(taken));
