import { memoryNeeded, type Settings } from "../adapters/llama-engine/memory-plan.ts";
import { type ModelFile, readModelFile } from "../adapters/llama-engine/model-file.ts";
import { planEngine } from "../adapters/llama-engine/planned-engine.ts";
import type { Compute } from "../artifacts/manifest.ts";
import type { LlamaEngineConfig, RunConfig } from "../artifacts/run-config.ts";
import { describeCompute } from "../core/compute.ts";

/** What is known of a run on an embedded model without loading it. How fast it goes depends on the processor: a try tells. */
export interface EmbeddedPlan {
  model: Omit<ModelFile, "chatTemplate"> & { hasChatTemplate: boolean };
  settings: Settings;
  compute: Compute;
  memoryBytes: number;
  gpuFreeBytes: number | null; // null without a GPU, and where it does not tell
  problems: number | null; // null where a set's file is not here
  candidates: number | null;
}

/** Throws a UserError where the model cannot be run. */
export async function embeddedPlan(
  engine: LlamaEngineConfig,
  { sampling }: RunConfig,
  problems: number | undefined,
): Promise<EmbeddedPlan> {
  const { chatTemplate, ...file } = readModelFile(engine.model);
  const { settings, gpu, compute } = await planEngine(file, engine);
  return {
    model: { ...file, hasChatTemplate: chatTemplate !== undefined },
    settings,
    compute,
    gpuFreeBytes: gpu?.freeBytes ?? null,
    memoryBytes: memoryNeeded(file, settings.maxModelLen, settings.sequences),
    problems: problems ?? null,
    candidates: problems === undefined ? null : problems * sampling.width * sampling.replicates,
  };
}

export function embeddedPlanPage(plan: EmbeddedPlan): string {
  const { model, settings, compute, memoryBytes, gpuFreeBytes, problems, candidates } = plan;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const free = gpuFreeBytes === null ? "not told, so not checked" : mebibytes(gpuFreeBytes);
  const lines = [
    ["model", model.path],
    ["", `${model.architecture}, ${model.quantization}, ${mebibytes(model.bytes)}, ${model.vocabulary} tokens`],
    ["context", `${settings.maxModelLen} of ${model.contextLength} tokens`],
    ["chat template", model.hasChatTemplate ? "yes" : "no"],
    ["texts at a time", `${settings.sequences}`],
    ["threads", `${settings.threads}`],
    ["computed", describeCompute(compute)],
    ["memory", mebibytes(memoryBytes)],
    ...(compute.gpuLayers > 0 ? [["free on the GPU", free]] : []),
    ["problems", problems === null ? "unknown: a set's file is not here" : `${problems}, ${candidates} candidates`],
  ];
  return lines.map(([label = "", value]) => `${label.padEnd(16)}${value}`).join("\n");
}
