import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { loadCard } from "../adapters/dataset-files/cards.ts";
import { loadProblems } from "../adapters/dataset-files/load-problems.ts";
import { findDatasetFile } from "../adapters/dataset-files/resolve-dataset-file.ts";
import { openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { turnsFile } from "../artifacts/artifact-file.ts";
import { type EngineCard, engineCardSchema } from "../artifacts/engine-card.ts";
import { modelConfigSchema } from "../artifacts/model-config.ts";
import type { ProblemSource, RunConfig } from "../artifacts/run-config.ts";
import { assumedLength, type CandidateLength, LengthMeter } from "../core/candidate-length.ts";
import { readGold } from "../core/gold-answer.ts";
import { languageModelPart, modelFactsOf } from "../core/model-shape.ts";
import { type ModelRemarks, planWarnings } from "../core/plan-warnings.ts";
import { type PlannedRun, planRun } from "../core/run-plan.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { engineCardNames, loadEngineCard, loadGpu } from "./engine-card-file.ts";
import { printJson, printLine } from "./output.ts";
import { planPage } from "./plan-page.ts";
import { loadRunConfig } from "./run-config-file.ts";
import { checked, readYaml } from "./yaml-file.ts";

interface PlanArguments {
  config: string;
  card?: string;
  modelConfig?: string;
  gpu?: string;
  gpus?: number;
  weightsBits?: number;
  like?: string;
  promptTokens?: number;
  tokensPerTurn?: number;
  turns?: number;
  set: string[];
  json: boolean;
}

/** `sctir plan`: what fits, how fast it goes and how long it takes, by arithmetic; no engine is asked. */
export const command: CommandModule<unknown, PlanArguments> = {
  command: "plan <config>",
  describe: "what fits on which GPUs and how long a run takes, by arithmetic, without an engine",
  builder: (args) =>
    args
      .positional("config", { type: "string", demandOption: true, describe: "the run's config, YAML or JSON" })
      .option("card", { type: "string", describe: "a model on GPUs: a name in engines/, or a path" })
      .option("model-config", {
        type: "string",
        describe: "instead: a model's config.json, or the folder it is in [engine.model, if that is a folder here]",
      })
      .option("gpu", { type: "string", describe: "a key of engines/gpus.yaml, with --model-config [t4]" })
      .option("gpus", { type: "number", describe: "how many of them, with --model-config [1]" })
      .option("weights-bits", { type: "number", describe: "of a weight, with --model-config [as the file says]" })
      .option("like", { type: "string", describe: "an earlier run's directory: lengths as measured there" })
      .option("prompt-tokens", { type: "number", describe: "of a prompt [200, or as measured]" })
      .option("tokens-per-turn", { type: "number", describe: "that a model writes in a turn [400, or as measured]" })
      .option("turns", { type: "number", describe: "of a candidate [2.7, or as measured]" })
      .option("set", { type: "string", array: true, nargs: 1, default: [], describe: "change a key: sampling.width=8" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .example("$0 plan my.yaml --card t4x2-deepseekmath-7b-gptq8", "a model on two T4 that is known here")
      .example("$0 plan my.yaml --model-config ~/models/mine --gpu t4 --gpus 2 --weights-bits 8", "one of your own")
      .example("$0 plan my.yaml --card … --like results/step-900", "with lengths as an earlier run had them")
      .example("$0 plan my.yaml --card … --set sampling.width=32 --json", "another width, for a script")
      .epilogue(
        "Exit code 1: not one candidate fits. docs/plan.md explains every figure and its assumptions.",
      ) as never,
  handler: async (options) => {
    const { config } = await loadRunConfig(options.config, options.set);
    const sets = await Promise.all(config.problems.map((source) => countProblems(source, config)));
    if (config.engine.kind === "llama" && options.card === undefined && options.modelConfig === undefined) {
      const { embeddedPlan, embeddedPlanPage } = await import("./embedded-plan.ts");
      const plan = await embeddedPlan(config.engine, config, sumOf(sets));
      if (options.json) printJson({ ...plan, sets });
      else printLine(embeddedPlanPage(plan));
      return;
    }
    const { card, model } = await engineOf(options, config);
    const run = plannedRun(config, card, sets);
    const { length, lengthFrom } = await candidateLength(options, config);
    const plan = planRun(card, run, length);
    const warnings = planWarnings(card, run, plan, model);
    if (options.json) {
      const { servers, maxModelLen } = run;
      printJson({ card, servers, maxModelLen, sets, lengthFrom, ...plan, warnings });
    } else {
      printLine(planPage({ card, run, sets, lengthFrom, plan, warnings, configPath: options.config }));
    }
    if (plan.expected.speed === null || card.gpu.unsupported !== undefined) process.exitCode = exitCodes.checkFailed;
  },
};

/** The engine that the options describe; without them, the one that the config emulates, or the model it names if that is here. */
async function engineOf(
  options: PlanArguments,
  { engine }: RunConfig,
): Promise<{ card: EngineCard; model: ModelRemarks }> {
  const isHere =
    engine.kind === "vllm" && options.card === undefined && (await isFile(join(engine.model, "config.json")));
  const modelConfig = options.modelConfig ?? (isHere ? engine.model : undefined);
  const emulated = engine.kind === "replay" && modelConfig === undefined ? engine.timing?.card : undefined;
  const card = options.card ?? emulated;
  if (card !== undefined && modelConfig === undefined) {
    if (options.gpu !== undefined || options.gpus !== undefined || options.weightsBits !== undefined) {
      throw new UserError("plan: --gpu, --gpus and --weights-bits go with --model-config; a card says its own.", {
        hint: "Copy the card from engines/, change it, and give its path to --card.",
      });
    }
    return { card: await loadEngineCard(card), model: { dtype: undefined, contextLength: undefined } };
  }
  if (card === undefined && modelConfig !== undefined) return cardOfModel(modelConfig, options);
  throw new UserError("plan: exactly one of --card and --model-config is needed.", {
    hint: `Cards: ${(await engineCardNames()).join(", ")}; or the config.json of a model, with --gpu and --gpus.`,
  });
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function cardOfModel(
  pathOrFolder: string,
  { gpu: gpuKey = "t4", gpus = 1, weightsBits }: Pick<PlanArguments, "gpu" | "gpus" | "weightsBits">,
): Promise<{ card: EngineCard; model: ModelRemarks }> {
  checkPositive({ gpus, "weights-bits": weightsBits });
  const isFolder = (await stat(pathOrFolder).catch(() => undefined))?.isDirectory() ?? false;
  const path = isFolder ? join(pathOrFolder, "config.json") : pathOrFolder;
  const written = languageModelPart(await readYaml(path, "model config"));
  const hint = "It should be the config.json that lies beside the model's weights.";
  const facts = modelFactsOf(path, checked(path, written, modelConfigSchema, hint), weightsBits);
  const gpu = await loadGpu(gpuKey);
  const card = engineCardSchema.parse({
    name: `${gpuKey}x${gpus}`,
    title: `the model of ${path}`,
    ...{ gpu, gpuCount: gpus, model: facts.shape, weights: { bits: facts.weightBits } },
    // As scripts/serve-t4.sh starts vLLM.
    ...{ memoryUtilization: 0.92, maxModelLen: Math.min(4096, facts.contextLength ?? 4096), maxSequences: 48 },
    source: path,
  });
  return { card, model: facts };
}

function plannedRun(config: RunConfig, card: EngineCard, sets: readonly PlannedSet[]): PlannedRun {
  const { engine } = config;
  return {
    config,
    problems: sumOf(sets),
    servers: engine.kind === "vllm" ? (engine.baseUrls?.length ?? 1) : 1,
    maxModelLen: Math.min(card.maxModelLen, engine.maxModelLen ?? card.maxModelLen),
  };
}

function sumOf(sets: readonly PlannedSet[]): number | undefined {
  const counts = sets.map(({ problems }) => problems);
  return counts.every((count) => count !== undefined) ? counts.reduce((sum, count) => sum + count, 0) : undefined;
}

/** How many problems of a set a run takes, and how that is known. */
export interface PlannedSet {
  set: string;
  problems: number | undefined;
  from: "file" | "card" | "unknown";
}

/** Counted in the set's file where it is here; else as the set's card says; else unknown. */
async function countProblems(source: ProblemSource, { filter }: RunConfig): Promise<PlannedSet> {
  const { set, take, sample } = source;
  const taken = (kept: number) => Math.min(kept, take ?? sample?.size ?? kept);
  const card = source.file === undefined ? await loadCard(set) : undefined;
  if (card && source.path === undefined && (await findDatasetFile(card)) === undefined) {
    if (filter.answers !== "integer") return { set, problems: undefined, from: "unknown" };
    return { set, problems: taken(card.rows.after), from: "card" };
  }
  const { problems } = await loadProblems(source);
  const kept = problems.filter(({ gold }) => "answer" in readGold(gold, filter.answers));
  return { set, problems: taken(kept.length), from: "file" };
}

/** Lengths as an earlier run had them, or as assumed; an option goes before either. */
async function candidateLength(
  { like, ...options }: PlanArguments,
  config: RunConfig,
): Promise<{ length: CandidateLength; lengthFrom: string }> {
  const { promptTokens, tokensPerTurn, turns } = options;
  checkPositive({ "prompt-tokens": promptTokens, "tokens-per-turn": tokensPerTurn, turns });
  const given = Object.entries({ promptTokens, tokensPerTurn, turns }).filter(([, value]) => value !== undefined);
  const said = given.length === 0 ? "" : `, ${given.map(([name]) => name).join(" and ")} as given`;
  if (like === undefined) {
    return {
      length: { ...assumedLength(config), ...Object.fromEntries(given) },
      lengthFrom: `assumed${said}; measured with --like DIR`,
    };
  }
  const meter = new LengthMeter();
  for await (const row of (await openRunDirectory(like)).rows(turnsFile)) meter.add(row);
  if (meter.length === undefined) {
    throw new UserError(`${like} has no turns to measure.`, { hint: "Name a run that has generated something." });
  }
  const { candidates, ...length } = meter.length;
  return {
    length: { ...length, ...Object.fromEntries(given) },
    lengthFrom: `measured on ${candidates} candidates of ${like}${said}`,
  };
}

function checkPositive(options: Record<string, number | undefined>): void {
  for (const [name, value] of Object.entries(options)) {
    const isWhole = name !== "gpus" || Number.isInteger(value);
    if (value === undefined || (value > 0 && Number.isFinite(value) && isWhole)) continue;
    throw new UserError(`--${name}: expected a positive number.`, { hint: "`sctir plan --help` shows examples." });
  }
}
