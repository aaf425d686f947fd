import { createRequire } from "node:module";
import { join } from "node:path";
import { type Build, foldersOf } from "./installed-build.ts";

/**
 * llama.cpp as node-llama-cpp builds it for Node: the part of its interface that is used here
 * (node-llama-cpp/dist/bindings/AddonTypes.d.ts of the version in package.json). It has no promise of its own to stay as
 * it is, so the version is an exact one. What is awaited runs on a thread of its own.
 */
export interface LlamaAddon {
  AddonModel: new (
    path: string,
    options: { addonExports: LlamaAddon; gpuLayers: number; useMmap: boolean },
  ) => AddonModel;
  AddonContext: new (
    model: AddonModel,
    options: {
      contextSize: number; // cells, over all sequences
      batchSize: number; // tokens
      sequences: number;
      threads: number;
      flashAttention: "auto";
      swaFullCache: boolean;
    },
  ) => AddonContext;
  AddonSampler: new (model: AddonModel) => AddonSampler;
  AddonJinjaRenderer: new (template: string) => { render(variables: object): string };
  markLoaded(): boolean;
  setLogger(logger: (level: number, text: string) => void): void;
  setLoggerLogLevel(level: number): void;
  loadBackends(folder?: string): void;
  getGpuType(): "cuda" | "vulkan" | "metal" | false | undefined; // undefined while no backend is loaded
  getGpuDeviceInfo(): { deviceNames: string[] };
  getGpuVramInfo(): { total: number; used: number }; // bytes, of all devices together
  getIsArchSupported(architecture: string): boolean;
  getIsArchRecurrent(architecture: string): boolean | undefined;
  getIsArchHybrid(architecture: string): boolean | undefined;
  init(): Promise<void>;
}

export interface AddonModel {
  init(): Promise<boolean>;
  tokenize(text: string, parseSpecial: boolean): Uint32Array; // puts nothing before or after
  detokenize(tokens: Uint32Array, showSpecial: boolean): string;
  tokenBos(): number; // -1 where it has none
  tokenEos(): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
  getMemoryBreakdown(): { cpuRam: number; gpuVram: number }; // bytes of its weights
}

export interface AddonContext {
  init(): Promise<boolean>;
  initBatch(size: number): void;
  /** Gives the places of the tokens of which logits are wanted. Places in the sequence follow each other. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(place: number, sampler: AddonSampler): Promise<number>; // -1 where nothing can be sampled
  sampleToken(
    place: number,
    sampler: AddonSampler,
    probabilities: false,
    confidence: false,
    logits: [tokens: number[], includeMax: boolean, includeMin: boolean, includeSelected: boolean, includeTop: number],
    totalWeight: true,
  ): Promise<
    [token: number, probabilities: undefined, confidence: undefined, logits: number[] | undefined, totalWeight: number]
  >;
  /** Whether the cells could be removed. `end` is -1 for all that follow. */
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  disposeSequence(sequence: number): void;
  copySequenceStateFromOtherSequence(to: number, from: number): Promise<number>;
}

export interface AddonSampler {
  dispose(): void;
  /** What is left out is off. */
  applyConfig(config: {
    temperature?: number;
    topK?: number;
    topP?: number;
    minP?: number;
    seed?: number; // 32 bits
    repeatPenalty?: number;
    repeatPenaltyFrequencyPenalty?: number;
    repeatPenaltyPresencePenalty?: number;
    repeatPenaltyTokens?: Uint32Array;
    repeatPenaltyMaxTokens?: number;
  }): void;
}

/** Loads llama.cpp into this process. Its messages go to `log`: 2 is an error, 3 a warning. */
export async function loadAddon(build: Build, log: (level: number, text: string) => void): Promise<LlamaAddon> {
  const addon = createRequire(import.meta.url)(join(build.folder, "llama-addon.node")) as LlamaAddon;
  addon.markLoaded();
  addon.setLogger(log);
  addon.setLoggerLogLevel(3);
  addon.loadBackends();
  for (const folder of foldersOf(build)) {
    const type = addon.getGpuType();
    // Processors of each generation have a library of their own; llama.cpp takes the best that runs here.
    if (type === undefined || (type === false && build.isForGpu)) addon.loadBackends(folder);
  }
  await addon.init();
  return addon;
}
