import { availableParallelism } from "node:os";
import { UserError } from "../../core/user-error.ts";
import type { ModelFile } from "./model-file.ts";

/** How a model is run. What is undefined in `asked` follows from the model and the machine. */
export interface Settings {
  maxModelLen: number; // tokens of a sequence
  sequences: number;
  threads: number;
  gpuLayers: number; // the last ones
}

/** What a config says of it. */
export interface AskedSettings {
  maxModelLen?: number | undefined;
  sequences?: number | undefined;
  threads?: number | undefined;
  gpuLayers?: number | "all";
}

/** llama.cpp computes a sequence's cells in units of so many. */
const cellsPerUnit = 256;

/** Sequences are computed in groups of so many: see `sequence-engine.ts`. */
export const groupSize = 4;

const contextAtMost = 4096; // unless more is asked for: that of the contest's winners
const sequencesAtMost = 64; // as many as turns are in flight, unless a config says otherwise
const cachesShare = 1 / 4; // of the memory, unless more sequences are asked for
const smallModelBytes = 256 * 2 ** 20;

/**
 * Threads wait for each other, spinning, several hundred times in a step. With a small model they do little else, and with
 * any model where a program has one's processor: so half of them are left to Python and to this process.
 */
function threadsFor({ bytes }: ModelFile): number {
  return bytes < smallModelBytes ? 1 : Math.max(1, Math.floor(availableParallelism() / 2));
}

/** The layers of a model as llama.cpp counts them: the output is one more. */
export function layersOf({ layers }: ModelFile): number {
  return layers + 1;
}

/** Free memory in bytes. */
export interface FreeMemory {
  machine: number; // [what the system tells]
  gpu: number; // infinite where it is not told
}

/**
 * Fills in what was not asked for. Throws a UserError where the model and its caches do not fit into the memory, of which a
 * GPU has to hold as large a share as it has of the layers.
 * The number of sequences is the only thing that depends on the memory, and no text depends on it.
 */
export function planSettings(
  file: ModelFile,
  asked: AskedSettings,
  { machine = process.availableMemory(), gpu = Number.POSITIVE_INFINITY }: Partial<FreeMemory> = {},
): Settings {
  const layers = layersOf(file);
  const gpuLayers = asked.gpuLayers === "all" ? layers : Math.min(asked.gpuLayers ?? 0, layers);
  const gpuShare = gpuLayers / layers;
  const memoryBytes = Math.min(
    gpuShare < 1 ? machine / (1 - gpuShare) : Number.POSITIVE_INFINITY,
    gpuShare > 0 ? gpu / gpuShare : Number.POSITIVE_INFINITY,
  );
  const maxModelLen = asked.maxModelLen ?? Math.min(file.contextLength, contextAtMost);
  if (maxModelLen > file.contextLength) {
    throw new UserError(`${file.path} was trained for a context of ${file.contextLength} tokens, not ${maxModelLen}.`, {
      hint: "Lower engine.maxModelLen, or leave it out.",
    });
  }
  const modestly = Math.min(sequencesAtMost, (cachesShare * memoryBytes) / cacheBytes(file, maxModelLen, 1));
  const groups = asked.sequences === undefined ? Math.floor(modestly / groupSize) : asked.sequences / groupSize;
  const sequences = Math.max(1, Math.ceil(groups)) * groupSize;
  const settings = { maxModelLen, sequences, threads: asked.threads ?? threadsFor(file), gpuLayers };
  if (memoryNeeded(file, maxModelLen, sequences) > memoryBytes) throw tooLittleMemory(file, settings, memoryBytes);
  return settings;
}

/** Cells of the KV cache that a sequence has: one more than its tokens, for `sequence-engine.ts`. */
export function cellsOf(maxModelLen: number): number {
  return Math.ceil((maxModelLen + 1) / cellsPerUnit) * cellsPerUnit;
}

function cacheBytes({ kvBytesPerToken }: ModelFile, maxModelLen: number, sequences: number): number {
  return kvBytesPerToken * cellsOf(maxModelLen) * sequences;
}

/** An estimate in bytes: weights, caches, logits, and what computing takes. */
export function memoryNeeded(file: ModelFile, maxModelLen: number, sequences: number): number {
  return file.bytes + cacheBytes(file, maxModelLen, sequences) + 4 * file.vocabulary * sequences + 2 ** 26;
}

function tooLittleMemory(
  file: ModelFile,
  { maxModelLen, sequences, gpuLayers }: Settings,
  memoryBytes: number,
): UserError {
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const caches = cacheBytes(file, maxModelLen, sequences);
  const where = gpuLayers > 0 ? ` with ${gpuLayers} of ${layersOf(file)} layers on the GPU` : "";
  return new UserError(
    `${file.path} needs about ${mebibytes(memoryNeeded(file, maxModelLen, sequences))} of memory, and ` +
      `${mebibytes(memoryBytes)} are free${where}: ${mebibytes(file.bytes)} for its weights, ${mebibytes(caches)} for ` +
      `${sequences} sequences of ${maxModelLen} tokens.`,
    {
      hint: `Lower engine.sequences${gpuLayers > 0 ? ", engine.gpuLayers" : ""} or engine.maxModelLen, use a smaller quantization, or a machine with more memory.`,
    },
  );
}
