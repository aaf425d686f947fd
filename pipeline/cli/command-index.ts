import type { CommandModule } from "yargs";

interface IndexedCommand {
  name: string;
  usage: string;
  describe: string;
  load: () => Promise<CommandModule>;
}

/** Every command's name and purpose, without loading it. */
export const commandIndex: readonly IndexedCommand[] = [
  indexed(
    "run <config>",
    "all stages, going on where an earlier run of the same config stopped",
    () => import("../commands/run.ts"),
  ),
  indexed("load <directory>", "stage 1: read the problems into problems.jsonl", () => import("../commands/load.ts")),
  indexed("filter <directory>", "stage 2: keep problems with integer answers", () => import("../commands/filter.ts")),
  indexed(
    "generate <directory>",
    "stage 3: reason and execute, every candidate of every problem",
    () => import("../commands/generate.ts"),
  ),
  indexed("vote <directory>", "stage 4: elect an answer per problem", () => import("../commands/vote.ts")),
  indexed("score <directory>", "stage 5: compare with the gold answers", () => import("../commands/score.ts")),
  indexed("solve <problem> <config>", "one problem, its trace shown as it grows", () => import("../commands/solve.ts")),
  indexed(
    "compare <directories..>",
    "is one run better than another? paired by problem, with intervals and exact tests",
    () => import("../commands/compare.ts"),
  ),
  indexed(
    "leaderboard <directories..>",
    "what a competition of 50 problems would show of these runs",
    () => import("../commands/leaderboard.ts"),
  ),
  indexed(
    "simulate <directory>",
    "what a finished run's traces say about fewer candidates or turns, without a GPU",
    () => import("../commands/simulate.ts"),
  ),
  indexed("status <directory>", "where a run stands, also while it goes on", () => import("../commands/status.ts")),
  indexed(
    "verify <directory>",
    "whether a run's result follows from its journal",
    () => import("../commands/verify.ts"),
  ),
  indexed(
    "plan <config>",
    "what fits on which GPUs and how long a run takes, by arithmetic, without an engine",
    () => import("../commands/plan.ts"),
  ),
  indexed("datasets", "the known validation sets, and fetching them", () => import("../commands/datasets.ts")),
  indexed(
    "serve-replay <recordings..>",
    "recorded traces behind vLLM's HTTP protocol",
    () => import("../commands/serve-replay.ts"),
  ),
  indexed(
    "doctor [config]",
    "check everything a run needs, and how to mend what is missing",
    () => import("../commands/doctor.ts"),
  ),
];

function indexed(usage: string, describe: string, load: () => Promise<{ command: unknown }>): IndexedCommand {
  const [name = usage] = usage.split(" ");
  return { name, usage, describe, load: async () => (await load()).command as CommandModule };
}
