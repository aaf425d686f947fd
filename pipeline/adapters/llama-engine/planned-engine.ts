import type { Compute } from "../../artifacts/manifest.ts";
import type { LlamaEngineConfig } from "../../artifacts/run-config.ts";
import { findGpu, type Gpu } from "./gpu.ts";
import { layersOf, planSettings, type Settings } from "./memory-plan.ts";
import type { ModelFile } from "./model-file.ts";

export interface PlannedEngine {
  settings: Settings;
  gpu: Gpu | undefined;
  compute: Compute;
}

/** How a model will be run here, and on which GPU, if any. Throws a UserError where it cannot be. */
export async function planEngine(file: ModelFile, asked: LlamaEngineConfig): Promise<PlannedEngine> {
  const gpu = asked.gpuLayers === 0 ? undefined : await findGpu();
  const settings = planSettings(file, asked, { gpu: gpu?.freeBytes ?? Number.POSITIVE_INFINITY });
  const { gpuLayers } = settings;
  const { backend, devices } = gpu ?? { backend: "cpu" as const, devices: [] };
  return { settings, gpu, compute: { backend, gpuLayers, layers: layersOf(file), devices } };
}
