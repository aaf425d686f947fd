import type { ModelShape } from "../artifacts/engine-card.ts";
import type { ModelConfig } from "../artifacts/model-config.ts";
import { UserError } from "./user-error.ts";

/** What a model's config.json says of its memory and its number formats. */
export interface ModelFacts {
  shape: ModelShape;
  weightBits: number;
  dtype: string | undefined; // bfloat16, float16, …
  contextLength: number | undefined; // that it was trained for
}

/**
 * The language model's part of a config.json: all of it, or `text_config` where the model also sees or hears. What is
 * said once for the whole model counts for that part too.
 */
export function languageModelPart(config: unknown): unknown {
  if (typeof config !== "object" || config === null || !("text_config" in config)) return config;
  const { text_config: text, ...whole } = config;
  if (typeof text !== "object" || text === null) return whole;
  const shared = ["tie_word_embeddings", "torch_dtype", "dtype", "quantization_config"] as const;
  const fields = shared.flatMap((key) => (key in whole ? [[key, whole[key as keyof typeof whole]]] : []));
  return { ...Object.fromEntries(fields), ...text };
}

/**
 * Shape and parameter count of a dense decoder with gated feed-forward layers (Llama, Qwen2, Mistral, Gemma and their
 * kind): per layer four attention projections, three feed-forward ones and two norms. Biases are left out, below 0.1 %.
 * Another architecture is a UserError, and so are weights whose bits nobody tells.
 */
export function modelFactsOf(path: string, config: ModelConfig, weightBits = weightBitsOf(path, config)): ModelFacts {
  refuseOtherArchitectures(path, config);
  const { num_hidden_layers: layers, num_attention_heads: attentionHeads, hidden_size: hiddenSize } = config;
  const { intermediate_size: intermediateSize, vocab_size: vocabulary } = config;
  const keyValueHeads = config.num_key_value_heads ?? attentionHeads;
  const headDimension = config.head_dim ?? hiddenSize / attentionHeads;
  if (!Number.isInteger(headDimension)) {
    throw new UserError(
      `${path}: without head_dim, hidden_size ${hiddenSize} would have to be a multiple of num_attention_heads ${attentionHeads}.`,
      { hint: "Is this the config.json of a language model, unchanged?" },
    );
  }
  const tiedEmbeddings = config.tie_word_embeddings ?? false;
  const attention = 2 * hiddenSize * headDimension * (attentionHeads + keyValueHeads);
  const layer = attention + 3 * hiddenSize * intermediateSize + 2 * hiddenSize;
  const embeddings = (tiedEmbeddings ? 1 : 2) * vocabulary * hiddenSize;
  const parameters = embeddings + layers * layer + hiddenSize;
  return {
    shape: {
      ...{ layers, attentionHeads, keyValueHeads, headDimension, hiddenSize, intermediateSize },
      ...{ vocabulary, tiedEmbeddings, parameters },
    },
    weightBits,
    dtype: config.dtype ?? config.torch_dtype,
    contextLength: config.max_position_embeddings,
  };
}

function refuseOtherArchitectures(path: string, config: ModelConfig): void {
  const experts = config.num_experts ?? config.num_local_experts ?? config.n_routed_experts ?? 0;
  const reason =
    experts > 1
      ? "a mixture of experts"
      : config.kv_lora_rank !== undefined
        ? "latent attention (kv_lora_rank)"
        : config.is_encoder_decoder
          ? "an encoder and a decoder"
          : config.layer_types?.some((type) => !type.endsWith("attention") || type === "linear_attention")
            ? "layers other than attention over a KV cache"
            : undefined;
  if (reason === undefined) return;
  throw new UserError(`${path}: this model has ${reason}, which the plan's arithmetic does not hold for.`, {
    hint: "Start the engine and read its log: vLLM says how many tokens its KV cache holds.",
  });
}

const bitsByMethod = new Map([
  ["fp8", 8],
  ["fbgemm_fp8", 8],
  ["mxfp4", 4],
  ["awq", 4],
]);

function weightBitsOf(path: string, { quantization_config: quantization, dtype, torch_dtype }: ModelConfig): number {
  // vLLM loads float32 as half precision.
  if (quantization === undefined) return /float8/u.test(dtype ?? torch_dtype ?? "") ? 8 : 16;
  const groups = Object.values(quantization.config_groups ?? {});
  const ofGroups = groups.flatMap((group) => group.weights?.num_bits ?? []);
  const bits =
    quantization.bits ??
    quantization.w_bit ??
    (ofGroups.length > 0 ? Math.max(...ofGroups) : undefined) ??
    (quantization.load_in_4bit ? 4 : quantization.load_in_8bit ? 8 : undefined) ??
    bitsByMethod.get(quantization.quant_method ?? "");
  if (bits !== undefined) return bits;
  throw new UserError(`${path}: quantization_config does not say how many bits a weight has.`, {
    hint: "Give them with --weights-bits.",
  });
}
