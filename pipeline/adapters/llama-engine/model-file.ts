import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { UserError } from "../../core/user-error.ts";
import { type MetadataValue, readGgufMetadata } from "./gguf-metadata.ts";

/** What is known of a model from its file alone. */
export interface ModelFile {
  path: string;
  name: string; // under which it is served
  bytes: number;
  architecture: string;
  quantization: string;
  contextLength: number; // tokens it was trained for
  vocabulary: number; // tokens
  layers: number; // without the output
  chatTemplate?: string;
  kvBytesPerToken: number;
}

/** Reads it from the file's metadata. Throws a UserError where that is no model for generating text. */
export function readModelFile(path: string): ModelFile {
  const { bytes, metadata } = readGgufMetadata(path);
  const architecture = metadata.get("general.architecture");
  const number = (key: string) => {
    const value = metadata.get(`${architecture}.${key}`);
    return typeof value === "number" ? value : undefined;
  };
  const contextLength = number("context_length");
  const layers = number("block_count");
  const width = number("embedding_length");
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (
    typeof architecture !== "string" ||
    contextLength === undefined ||
    layers === undefined ||
    width === undefined ||
    typeof tokens !== "object"
  ) {
    throw new UserError(`${path} holds no language model: its metadata have no architecture, context or vocabulary.`, {
      hint: "An adapter (LoRA), a projector or a file of tensors alone cannot be served. Name the model's own file.",
    });
  }
  const heads = number("attention.head_count") ?? 1;
  const headSize = width / heads;
  const keyAndValue = (number("attention.key_length") ?? headSize) + (number("attention.value_length") ?? headSize);
  const template = metadata.get("tokenizer.chat_template");
  return {
    path,
    name: basename(path).replace(/\.gguf$/iu, ""),
    ...{ bytes, architecture, contextLength },
    quantization: quantizationName(metadata.get("general.file_type")),
    vocabulary: tokens.length,
    layers,
    ...(typeof template === "string" ? { chatTemplate: template } : {}),
    kvBytesPerToken: 2 * keyAndValue * kvHeads(metadata.get(`${architecture}.attention.head_count_kv`), layers, heads),
  };
}

/** Heads with keys and values, over all layers: one number for all of them, or one for each. */
function kvHeads(value: MetadataValue | undefined, layers: number, heads: number): number {
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + Number(each), 0);
  return layers * (typeof value === "number" ? value : heads);
}

/** llama.h: enum llama_ftype. */
const quantizations: Record<number, string> = {
  ...{ 0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S" },
  ...{ 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K" },
  ...{ 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL" },
  ...{ 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16" },
  ...{ 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4" },
};

function quantizationName(fileType: MetadataValue | undefined): string {
  return typeof fileType === "number" ? (quantizations[fileType] ?? `file type ${fileType}`) : "unknown";
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest("hex");
}
