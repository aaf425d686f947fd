import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planSettings } from "../../../pipeline/adapters/llama-engine/memory-plan.ts";
import { type ModelFile, readModelFile } from "../../../pipeline/adapters/llama-engine/model-file.ts";
import { writeSmallGguf } from "../../helpers/small-gguf.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

describe("a GGUF file", () => {
  it("tells architecture, context, quantization, template and the size of its caches", async () => {
    const path = writeSmallGguf(join(await temporaryFolder(), "my-model.gguf"), { chatTemplate: "{{ x }}", layers: 3 });
    const file = readModelFile(path);
    expect(file).toEqual({
      path,
      name: "my-model",
      bytes: readFileSync(path).length,
      architecture: "llama",
      quantization: "F32",
      contextLength: 512,
      vocabulary: 266,
      layers: 3,
      chatTemplate: "{{ x }}",
      kvBytesPerToken: 3 * 2 * 64 * 2, // layers × (keys and values) × width × 16 bits
    });
  });

  it.each([
    ["is missing", async (path: string) => `${path}.not`, /There is no file/u],
    ["is a folder", async () => temporaryFolder(), /is a folder/u],
    ["is empty", async (path: string) => written(path, Buffer.alloc(0)), /is empty/u],
    ["is something else", async (path: string) => written(path, Buffer.from("{}\n".repeat(99))), /is not a GGUF file/u],
    ["ends in its metadata", async (path: string) => written(path, readFileSync(path).subarray(0, 900)), /cut off/u],
    ["has nonsense in it", async (path: string) => written(path, nonsense(readFileSync(path))), /cut off or damaged/u],
    ["is of another version", async (path: string) => written(path, version(readFileSync(path))), /version 9/u],
    ["has no vocabulary", async (path: string) => written(path, Buffer.from(bare)), /no language model/u],
  ])("that %s is an error that says so", async (_, make, message) => {
    const path = await make(writeSmallGguf(join(await temporaryFolder(), "small.gguf")));
    expect(() => readModelFile(path)).toThrow(message);
  });
});

function written(path: string, bytes: Buffer): string {
  writeFileSync(path, bytes);
  return path;
}

/** A text of so many bytes that there is none. */
function nonsense(bytes: Buffer): Buffer {
  bytes.fill(0xff, 24, 32);
  return bytes;
}

function version(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(9, 4);
  return bytes;
}

/** No tensors, no metadata. */
const bare = [...Buffer.from("GGUF"), 3, 0, 0, 0, ...Array<number>(16).fill(0)];

describe("how a model is run", () => {
  const file: ModelFile = {
    ...{ path: "m.gguf", name: "m", bytes: 4e9, architecture: "llama", quantization: "Q4_K_M" },
    ...{ contextLength: 32768, vocabulary: 150_000, kvBytesPerToken: 100_000, layers: 31 },
  };
  const free = (machine: number, gpu = Number.POSITIVE_INFINITY) => ({ machine, gpu });

  it("has a context of 4096 tokens at most, and as many sequences as a quarter of the memory holds", () => {
    const settings = planSettings(file, {}, free(16e9));
    expect(settings).toMatchObject({ maxModelLen: 4096, sequences: 8 });
    expect(planSettings(file, {}, free(200e9))).toMatchObject({ sequences: 64 });
    expect(planSettings({ ...file, contextLength: 1024 }, {}, free(16e9))).toMatchObject({ maxModelLen: 1024 });
  });

  it("has one thread for a small model, and half of the processors for others", () => {
    expect(planSettings({ ...file, bytes: 6e6 }, {}, free(16e9)).threads).toBe(1);
    expect(planSettings(file, {}, free(16e9)).threads).toBe(Math.max(1, Math.floor(availableParallelism() / 2)));
    expect(planSettings(file, { threads: 3 }, free(16e9)).threads).toBe(3);
  });

  it("is what was asked for, with sequences in fours", () => {
    const settings = planSettings(file, { maxModelLen: 8192, sequences: 5, threads: 2 }, free(64e9));
    expect(settings).toEqual({ maxModelLen: 8192, sequences: 8, threads: 2, gpuLayers: 0 });
  });

  it("counts the output among the layers that a GPU computes, and takes a number that is too high for all", () => {
    const layers = (gpuLayers: number | "all") => planSettings(file, { gpuLayers }, free(64e9)).gpuLayers;
    expect([layers("all"), layers(99), layers(5), layers(0)]).toEqual([32, 32, 5, 0]);
  });

  it("has what fits into a GPU's memory and into the machine's, each with its part of the layers", () => {
    const sequences = (gpuLayers: number | "all", memory: ReturnType<typeof free>) =>
      planSettings(file, { gpuLayers }, memory).sequences;
    expect(sequences("all", free(1e9, 16e9))).toBe(sequences(0, free(16e9, 0)));
    expect(sequences(16, free(8e9, 16e9))).toBe(sequences(0, free(16e9)));
    expect(sequences(16, free(16e9, 8e9))).toBe(sequences(0, free(16e9)));
    expect(() => sequences("all", free(64e9, 4e9))).toThrow(/MiB are free with 32 of 32 layers on the GPU/u);
    expect(() => sequences(16, free(2e9, 64e9))).toThrow(/with 16 of 32 layers on the GPU/u);
    expect(sequences("all", free(1e9))).toBe(64); // what is not told is not checked
  });

  it("is refused where the memory does not suffice, or the model knows no such context", () => {
    expect(() => planSettings(file, {}, free(5e9))).toThrow(/needs about \d+ MiB of memory, and 4769 MiB are free/u);
    expect(() => planSettings(file, { sequences: 64 }, free(16e9))).toThrow(/64 sequences of 4096 tokens/u);
    expect(() => planSettings(file, { maxModelLen: 40_000 }, free(64e9))).toThrow(/context of 32768 tokens/u);
  });
});
