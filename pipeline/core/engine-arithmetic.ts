import type { EngineCard, ModelShape } from "../artifacts/engine-card.ts";

const bytesPerGiB = 2 ** 30;
const halfBytes = 2; // of an fp16 number: activations, and weights that are not quantised

/** Bytes that one token takes in the KV cache, over all GPUs: a key and a value per layer and KV head. */
export function kvBytesPerToken(
  { layers, keyValueHeads, headDimension }: Pick<ModelShape, "layers" | "keyValueHeads" | "headDimension">,
  keyValueBytes: number,
): number {
  return 2 * layers * keyValueHeads * headDimension * keyValueBytes;
}

/**
 * Bytes of a model's weights, over all GPUs. Below 16 bits only the linear layers are quantised, in groups of 128 that
 * have a 16-bit scale and a zero point of `bits` each (GPTQ, https://arxiv.org/abs/2210.17323, and AWQ alike); embeddings
 * and norms stay at 16 bits.
 */
export function weightBytes(model: ModelShape, bits: number): number {
  if (bits >= 16) return (model.parameters * bits) / 8;
  const embeddings = (model.tiedEmbeddings ? 1 : 2) * model.vocabulary * model.hiddenSize;
  const bitsWithGroups = bits + (16 + bits) / 128;
  return embeddings * halfBytes + ((model.parameters - embeddings) * bitsWithGroups) / 8;
}

/** Bytes of the card's weights: as measured, else calculated. */
export function cardWeightBytes({ weights, model }: Pick<EngineCard, "weights" | "model">): number {
  return weights.bytes ?? weightBytes(model, weights.bits);
}

/**
 * Tokens that the KV cache holds, 0 where the weights leave no room. What each GPU has within its share of memory,
 * less its part of the weights and what is reserved, is cut into whole blocks
 * (PagedAttention, https://arxiv.org/abs/2309.06180). KV heads are divided among the GPUs, and copied where there are
 * fewer heads than GPUs.
 */
export function kvTokens(card: EngineCard): number {
  const { gpu, gpuCount, model, blockSize } = card;
  const bytesFree =
    (gpu.memoryGiB * card.memoryUtilization - card.reservedGiB) * bytesPerGiB - cardWeightBytes(card) / gpuCount;
  const headsPerGpu = Math.max(1, model.keyValueHeads / gpuCount);
  const bytesPerBlock = blockSize * kvBytesPerToken({ ...model, keyValueHeads: headsPerGpu }, card.keyValueBytes);
  return Math.max(0, Math.floor(bytesFree / bytesPerBlock)) * blockSize;
}

/** What one engine step computes. */
export interface StepBatch {
  promptTokens: number; // computed in this step, a chunk of a prompt or several prompts
  sequences: number; // that decode one token each
  contextTokens: number; // in the KV cache, read for those sequences, in all
}

/** Which end of the ranges that are not known exactly: slowest, the value to calculate with, fastest. */
export type Pace = "low" | "middle" | "high";

/**
 * Seconds of one engine step, by a roofline (Williams et al. 2009, https://doi.org/10.1145/1498765.1498785): the longer
 * of moving its bytes and doing its arithmetic, each at the share of the peak that is reached in practice, then what
 * the GPUs exchange and a constant per step.
 */
export function stepSeconds(card: EngineCard, batch: StepBatch, pace: Pace = "middle"): number {
  const { gpu, gpuCount } = card;
  const memorySeconds =
    stepBytes(card, batch) / (gpuCount * gpu.gigabytesPerSecond * 1e9 * gpu.reached.bandwidth[pace]);
  const computeSeconds = stepFlops(card.model, batch) / (gpuCount * gpu.teraflops * 1e12 * gpu.reached.compute[pace]);
  return Math.max(memorySeconds, computeSeconds) + exchangeSeconds(card, batch) + gpu.stepMilliseconds / 1000;
}

/** Tokens per second with all bytes at the full memory bandwidth and nothing else: no engine decodes faster. */
export function bandwidthCeiling(card: EngineCard, batch: StepBatch): number {
  return (batch.sequences * card.gpuCount * card.gpu.gigabytesPerSecond * 1e9) / stepBytes(card, batch);
}

/** Bytes moved: all weights once, the cache of what is decoded, and the new tokens' keys and values. */
function stepBytes(card: EngineCard, { promptTokens, sequences, contextTokens }: StepBatch): number {
  const cacheTokens = contextTokens + promptTokens + sequences;
  return cardWeightBytes(card) + cacheTokens * kvBytesPerToken(card.model, card.keyValueBytes);
}

/**
 * Floating-point operations: two per parameter and token (Kaplan et al., https://arxiv.org/abs/2001.08361, section 2.1),
 * and four per layer, attention dimension and token attended to: two for its key, two for its value (Hoffmann et al.,
 * https://arxiv.org/abs/2203.15556, appendix F). A prompt's attention to itself is left out: at 2,048 tokens it is
 * about 4 % of a 7B model's arithmetic.
 */
function stepFlops(model: ModelShape, { promptTokens, sequences, contextTokens }: StepBatch): number {
  const attention = 4 * model.layers * model.attentionHeads * model.headDimension * contextTokens;
  return 2 * model.parameters * (promptTokens + sequences) + attention;
}

/**
 * Seconds of all-reduces: two per layer (Megatron-LM, https://arxiv.org/abs/1909.08053, section 3), each a ring that
 * sends 2(n − 1)/n of a step's activations over every link (Patarasuk and Yuan 2009,
 * https://doi.org/10.1016/j.jpdc.2008.09.002).
 */
function exchangeSeconds({ gpu, gpuCount, model }: EngineCard, { promptTokens, sequences }: StepBatch): number {
  if (gpuCount === 1) return 0;
  const bytes = (promptTokens + sequences) * model.hiddenSize * halfBytes;
  const sent = (2 * (gpuCount - 1) * bytes) / gpuCount;
  const seconds = gpu.allReduce.microseconds / 1e6 + sent / (gpu.allReduce.gigabytesPerSecond * 1e9);
  return 2 * model.layers * seconds;
}
