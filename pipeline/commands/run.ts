import type { CommandModule } from "yargs";
import { readSummary } from "../adapters/run-directory/run-directory.ts";
import { showProgress } from "../adapters/terminal-progress/terminal-progress.ts";
import { UserError } from "../core/user-error.ts";
import { Interruption, interrupted } from "./interruption.ts";
import { commandLine, printJson, printLine, printNote } from "./output.ts";
import { repairRun } from "./repair.ts";
import { resultTable } from "./result-table.ts";
import { loadRunConfig } from "./run-config-file.ts";
import { defaultRunDirectory, RunSession } from "./run-session.ts";
import { countLost, generateStage, hasCandidates, scoreStage, selectProblems, voteStage } from "./stage-runs.ts";

interface RunArguments {
  config: string;
  out?: string;
  set: string[];
  json: boolean;
  repair: boolean;
  retryLost: boolean;
  unsafePython: boolean;
}

export const command: CommandModule<unknown, RunArguments> = {
  command: "run <config>",
  describe: "all stages, going on where an earlier run of the same config stopped",
  builder: (args) =>
    args
      .positional("config", { type: "string", demandOption: true, describe: "the run's config, YAML or JSON" })
      .option("out", { type: "string", describe: "the run directory [results/<name of the config>]" })
      .option("set", { type: "string", array: true, nargs: 1, default: [], describe: "change a key: sampling.width=8" })
      .option("json", { type: "boolean", default: false, describe: "print summary.json instead of a table" })
      .option("repair", {
        type: "boolean",
        default: false,
        describe: "set aside what cannot be read in the run directory, and make it again",
      })
      .option("retry-lost", {
        type: "boolean",
        default: false,
        describe: "of a complete run, try the candidates again that were lost to the engine",
      })
      .option("unsafe-python", {
        type: "boolean",
        default: false,
        describe: "run model-written Python even where it cannot be isolated",
      })
      .example("$0 run configs/quickstart.yaml", "evaluate the sample set on recorded traces")
      .example("$0 run my.yaml --out results/step-900 --set engine.model=step-900", "one config, many checkpoints")
      .example("$0 run my.yaml", "again, after a crash or Ctrl-C: only what is missing is done") as never,
  handler: async ({ config, out, set, json, repair, retryLost, unsafePython }) => {
    using interruption = new Interruption();
    const loaded = await loadRunConfig(config, set);
    const directory = out ?? defaultRunDirectory(config);
    const again = ["sctir", "run", config, "--out", directory, ...set.flatMap((pair) => ["--set", pair])];
    const resume = commandLine(unsafePython ? [...again, "--unsafe-python"] : again);
    const session = await RunSession.open(directory, loaded, { repair });
    try {
      if (repair) await repairRun(session);
      const options = { stopping: interruption.signal, resume, allowUnsafe: unsafePython };
      if (session.manifest.state !== "complete") await allStages(session, options);
      else if (retryLost && (await countLost(session)) > 0) {
        await session.update({ config: loaded.config }); // the server may have another address now
        await allStages(session, { ...options, retryLost });
      } else printNote(`${directory} is complete${retryLost ? ", and no candidate was lost" : ""}: nothing to do.`);
    } catch (error) {
      if (session.manifest.state === "running") await session.update({ state: "interrupted" }).catch(() => {});
      throw error;
    } finally {
      await session.close();
    }
    const summary = await readSummary(directory);
    if (!summary)
      throw new UserError(`${directory} is complete but has no summary.json.`, { hint: `sctir score ${directory}` });
    if (json) return printJson(summary);
    printLine();
    printLine(resultTable(summary));
    printLine();
    printLine(`Artifacts: ${directory}`);
    const lost = summary.all.ledger["engine-failed"];
    if (lost > 0) printLine(`Lost to the engine: ${lost}. They are tried again with: ${resume} --retry-lost`);
  },
};

interface RunOptions {
  stopping: AbortSignal;
  resume: string; // the command that goes on with an interrupted run
  allowUnsafe: boolean;
  retryLost?: boolean;
}

async function allStages(
  session: RunSession,
  { stopping, resume, allowUnsafe, retryLost = false }: RunOptions,
): Promise<void> {
  await selectProblems(session);
  if (stopping.aborted) throw interrupted(resume);
  if (retryLost || !(await hasCandidates(session))) {
    const progress = showProgress();
    try {
      const complete = await generateStage(session, { stopping, observe: progress.observe, allowUnsafe, retryLost });
      progress.stop();
      if (!complete) throw interrupted(resume);
    } finally {
      progress.stop();
    }
  }
  await voteStage(session);
  if (stopping.aborted) throw interrupted(resume);
  await scoreStage(session);
  if (stopping.aborted) throw interrupted(resume);
  await session.update({ state: "complete" });
}
