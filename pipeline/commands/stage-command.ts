import type { Argv, CommandModule } from "yargs";
import { openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { showProgress } from "../adapters/terminal-progress/terminal-progress.ts";
import { UserError } from "../core/user-error.ts";
import { Interruption, interrupted } from "./interruption.ts";
import { commandLine, printJson, printLine } from "./output.ts";
import { resultCsv } from "./result-csv.ts";
import { resultTable } from "./result-table.ts";
import { type LoadedConfig, loadRunConfig, resolveRunConfig } from "./run-config-file.ts";
import { checkSameConfig } from "./run-manifest.ts";
import { RunSession } from "./run-session.ts";
import { filterStage, generateStage, hasCandidates, loadStage, scoreStage } from "./stage-runs.ts";

export interface StageArguments {
  directory: string;
  config?: string;
  set: string[];
  json: boolean;
  unsafePython: boolean;
}

/** A stage as a command: `sctir <stage> DIR`. */
export function stageCommand(
  name: string,
  describe: string,
  needsConfig: boolean,
  run: (session: RunSession, options: StageArguments & { stopping: AbortSignal }) => Promise<unknown>,
  extend: (args: Argv<unknown>) => Argv<unknown> = (args) => args,
): CommandModule<unknown, StageArguments> {
  return {
    command: `${name} <directory>`,
    describe,
    builder: (args: Argv<unknown>) =>
      extend(args)
        .positional("directory", { type: "string", demandOption: true, describe: "the run directory" })
        .option("config", { type: "string", describe: "the config, where the directory has no manifest.json" })
        .option("set", { type: "string", array: true, nargs: 1, default: [], describe: "change a key of that config" })
        .option("json", { type: "boolean", default: false, describe: "print the stage's figures as JSON" })
        .option("unsafe-python", { type: "boolean", default: false, hidden: name !== "generate" })
        .example(`$0 ${name} results/my-run`, describe) as never,
    handler: async (options) => {
      using interruption = new Interruption();
      const { loaded, isByHand } = await configOf(options, needsConfig ? name : undefined);
      const session = await RunSession.openStage(options.directory, loaded, isByHand);
      try {
        const printed = await run(session, { ...options, stopping: interruption.signal });
        if (interruption.signal.aborted) throw interrupted(commandLine(againWith(name, options)));
        if (options.json) printJson(printed ?? session.manifest.stages[name] ?? {});
      } finally {
        await session.close();
      }
    },
  };
}

/** The directory has the config by now. */
function againWith(name: string, { directory, unsafePython }: StageArguments): string[] {
  return ["sctir", name, directory, ...(unsafePython ? ["--unsafe-python"] : [])];
}

interface StageConfig {
  loaded: LoadedConfig;
  /** Neither a manifest nor a config: the artifacts were written by hand or by another tool. */
  isByHand: boolean;
}

/** The manifest's config, which one that is given must equal; else the one given; else the defaults. */
async function configOf({ directory, config, set }: StageArguments, needing: string | undefined): Promise<StageConfig> {
  const manifest = await (await openRunDirectory(directory)).readManifest();
  if (manifest) {
    if (config !== undefined) checkSameConfig(directory, manifest, await loadRunConfig(config, set));
    else if (set.length > 0) {
      throw new UserError(`${directory} has a manifest.json, whose config holds for all its stages.`, {
        hint: "Leave out --set, or begin a run with another config in a new directory.",
      });
    }
    return { loaded: { config: manifest.config, profile: manifest.profile }, isByHand: false };
  }
  if (config !== undefined) return { loaded: await loadRunConfig(config, set), isByHand: false };
  if (needing !== undefined) {
    throw new UserError(`${directory} has no manifest.json, so ${needing} does not know what to do.`, {
      hint: `sctir ${needing} ${directory} --config CONFIG`,
    });
  }
  return { loaded: await resolveRunConfig("--set", defaults, set), isByHand: true };
}

/** For artifacts written by hand. No problem is loaded and no engine asked: those parts are never read. */
export const defaults = {
  problems: [{ set: "by-hand" }],
  profile: "tir",
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "by-hand" },
};

export const loadCommand = stageCommand("load", "read the problems into problems.jsonl", true, loadStage);

export const filterCommand = stageCommand("filter", "keep problems with integer answers", false, filterStage);

export const generateCommand = stageCommand(
  "generate",
  "reason and execute: every candidate of every problem",
  true,
  async (session, { stopping, unsafePython }) => {
    const { observe, stop } = showProgress();
    try {
      await generateStage(session, { stopping, observe, allowUnsafe: unsafePython });
    } finally {
      stop();
    }
  },
);

export const scoreCommand = stageCommand(
  "score",
  "compare with the gold answers",
  false,
  async (session, { json, csv = false }: StageArguments & { csv?: boolean }) => {
    const summary = await scoreStage(session);
    if (await hasCandidates(session)) await session.update({ state: "complete" });
    if (json) return summary;
    printLine(csv ? resultCsv(summary) : resultTable(summary));
    return undefined;
  },
  (args) => args.option("csv", { type: "boolean", default: false, describe: "print one line per set and estimate" }),
);
