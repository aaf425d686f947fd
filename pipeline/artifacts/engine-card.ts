import { z } from "zod";

const positive = z.number().int().positive();
const share = z.number().positive().max(1);

/** A share that is not known exactly: what to plan with at worst, at best, and the one value to calculate with. */
const shareRangeSchema = z
  .strictObject({ low: share, middle: share, high: share })
  .refine(({ low, middle, high }) => low <= middle && middle <= high, "expected low ≤ middle ≤ high");

/** A kind of GPU: its data sheet, and how much of it an engine reaches. An entry of engines/gpus.yaml. */
export const gpuSchema = z.strictObject({
  name: z.string().min(1),
  memoryGiB: z.number().positive().describe("as CUDA sees it"),
  gigabytesPerSecond: z.number().positive().describe("memory bandwidth, 10⁹ bytes"),
  teraflops: z.number().positive().describe("dense fp16 peak"),
  computeCapability: z.number().positive(),
  unsupported: z.string().optional().describe("why vLLM does not run on it"),
  reached: z
    .strictObject({ bandwidth: shareRangeSchema, compute: shareRangeSchema })
    .describe("the shares of memory bandwidth and of FLOP/s that an engine reaches in practice"),
  stepMilliseconds: z.number().nonnegative().describe("of every step: scheduler, kernel launches, sampling"),
  allReduce: z
    .strictObject({ microseconds: z.number().nonnegative(), gigabytesPerSecond: z.number().positive() })
    .describe("one all-reduce between such GPUs: its latency, and the bandwidth of what lies between them"),
  source: z.string(),
});
export type Gpu = z.infer<typeof gpuSchema>;

/** engines/gpus.yaml: kinds of GPUs by their key. */
export const gpusSchema = z.record(z.string(), gpuSchema);

/** The shape of a dense decoder-only transformer. */
export const modelShapeSchema = z.strictObject({
  layers: positive,
  attentionHeads: positive,
  keyValueHeads: positive,
  headDimension: positive,
  hiddenSize: positive,
  intermediateSize: positive,
  vocabulary: positive,
  tiedEmbeddings: z.boolean().default(false).describe("input and output embeddings are one matrix"),
  parameters: positive.describe("in all, embeddings included"),
});
export type ModelShape = z.infer<typeof modelShapeSchema>;

const card = z.strictObject({
  name: z.string().regex(/^[^/\s]+$/u, "expected a name without blanks or slashes"),
  title: z.string(),
  gpuCount: positive.describe("tensor-parallel size"),
  model: modelShapeSchema,
  weights: z.strictObject({
    bits: z.number().positive().describe("of a weight of the linear layers; embeddings stay at 16"),
    bytes: positive.optional().describe("of all weights, as measured [calculated]"),
  }),
  keyValueBytes: z.number().positive().default(2).describe("of one element of the KV cache: 2 for fp16"),
  memoryUtilization: share.default(0.9).describe("vLLM's --gpu-memory-utilization"),
  reservedGiB: z.number().nonnegative().default(1).describe("per GPU, for activations and CUDA graphs"),
  maxModelLen: positive,
  maxSequences: positive.describe("vLLM's --max-num-seqs"),
  maxBatchedTokens: positive.default(2048).describe("tokens of one step at most, vLLM's --max-num-batched-tokens"),
  blockSize: positive.default(16).describe("tokens of a KV block"),
  source: z.string(),
});

/** A card as its file in engines/ has it: its GPU by key, or described in place. */
export const engineCardFileSchema = card.extend({
  gpu: z.union([z.string(), gpuSchema]).describe("a key of engines/gpus.yaml, or one of your own"),
});

/** A model on GPUs: all that its memory and its time per step are calculated from. */
export const engineCardSchema = card.extend({ gpu: gpuSchema });
export type EngineCard = z.infer<typeof engineCardSchema>;
