import { memoryNeeded, planSettings, type Settings } from "../adapters/llama-engine/memory-plan.ts";
import { type ModelFile, readModelFile } from "../adapters/llama-engine/model-file.ts";
import type { EngineConfig, RunConfig } from "../artifacts/run-config.ts";

/** What is known of a run on an embedded model without loading it. How fast it goes depends on the processor: a try tells. */
export interface EmbeddedPlan {
  model: Omit<ModelFile, "chatTemplate"> & { hasChatTemplate: boolean };
  settings: Settings;
  memoryBytes: number;
  problems: number | null; // null where a set's file is not here
  candidates: number | null;
}

/** Throws a UserError where the model cannot be run. */
export function embeddedPlan(
  engine: Extract<EngineConfig, { kind: "llama" }>,
  { sampling }: RunConfig,
  problems: number | undefined,
): EmbeddedPlan {
  const { chatTemplate, ...file } = readModelFile(engine.model);
  const { maxModelLen, sequences, threads } = engine;
  const settings = planSettings(file, { maxModelLen, sequences, threads });
  return {
    model: { ...file, hasChatTemplate: chatTemplate !== undefined },
    settings,
    memoryBytes: memoryNeeded(file, settings.maxModelLen, settings.sequences),
    problems: problems ?? null,
    candidates: problems === undefined ? null : problems * sampling.width * sampling.replicates,
  };
}

export function embeddedPlanPage({ model, settings, memoryBytes, problems, candidates }: EmbeddedPlan): string {
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [
    ["model", model.path],
    ["", `${model.architecture}, ${model.quantization}, ${mebibytes(model.bytes)}, ${model.vocabulary} tokens`],
    ["context", `${settings.maxModelLen} of ${model.contextLength} tokens`],
    ["chat template", model.hasChatTemplate ? "yes" : "no"],
    ["texts at a time", `${settings.sequences}`],
    ["threads", `${settings.threads}`],
    ["memory", mebibytes(memoryBytes)],
    ["problems", problems === null ? "unknown: a set's file is not here" : `${problems}, ${candidates} candidates`],
  ];
  return lines.map(([label = "", value]) => `${label.padEnd(16)}${value}`).join("\n");
}
