import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes, UserError } from "../../core/user-error.ts";

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
  getGpuType(): string | false | undefined; // undefined while no backend is loaded
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

/** What node-llama-cpp calls its builds for the processor; a package of this name holds one. */
function buildName(): string | undefined {
  const { platform, arch } = process;
  if (platform === "linux") return { x64: "linux-x64", arm64: "linux-arm64" }[arch as string];
  if (platform === "darwin") return { x64: "mac-x64", arm64: "mac-arm64-metal" }[arch as string];
  return undefined;
}

/** Where the build for this machine is, and its version. Throws a UserError where there is none. */
export function findAddon(): { folder: string; version: string } {
  const build = buildName();
  if (build === undefined || isMusl()) {
    throw new UserError(
      `There is no build of llama.cpp for ${process.platform} on ${process.arch}${isMusl() ? " with musl" : ""}.`,
      { hint: serverInstead, exitCode: exitCodes.unavailable },
    );
  }
  const name = `@node-llama-cpp/${build}`;
  try {
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(name)))); // it exports dist/index.js and nothing else
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return { folder: join(root, "bins", build), version };
  } catch (cause) {
    throw new UserError(`The package ${name}, which holds llama.cpp, is not installed.`, {
      hint: `Run in the project's folder: npm install --no-save ${name}@${wantedVersion()}\n${serverInstead}`,
      exitCode: exitCodes.unavailable,
      cause,
    });
  }
}

const serverInstead = "Or use a model server: engine.kind vllm (docs/engines.md).";

/** The version that package.json names for the build that it installs by itself. */
function wantedVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { optionalDependencies } = JSON.parse(text) as { optionalDependencies: Record<string, string> };
  return optionalDependencies["@node-llama-cpp/linux-x64"] ?? "latest";
}

/** Node built with musl tells no version of glibc. */
function isMusl(): boolean {
  if (process.platform !== "linux") return false;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}

/** Loads llama.cpp into this process. Its messages go to `log`: 2 is an error, 3 a warning. */
export async function loadAddon(folder: string, log: (level: number, text: string) => void): Promise<LlamaAddon> {
  const addon = createRequire(import.meta.url)(join(folder, "llama-addon.node")) as LlamaAddon;
  addon.markLoaded();
  addon.setLogger(log);
  addon.setLoggerLogLevel(3);
  addon.loadBackends();
  // Each for another generation of processors; llama.cpp takes the best that runs here.
  if (addon.getGpuType() === undefined) addon.loadBackends(folder);
  await addon.init();
  return addon;
}
