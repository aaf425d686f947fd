import { z } from "zod";

const size = z.number().int().positive();
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

/** How weights are stored: `bits` of GPTQ and AWQ, groups of compressed-tensors, the method's name for fp8 and others. */
const quantizationSchema = z.looseObject({
  quant_method: optional(z.string()),
  bits: optional(z.number().positive()),
  w_bit: optional(z.number().positive()),
  load_in_4bit: optional(z.boolean()),
  load_in_8bit: optional(z.boolean()),
  config_groups: optional(
    z.record(
      z.string(),
      z.looseObject({ weights: optional(z.looseObject({ num_bits: optional(z.number().positive()) })) }),
    ),
  ),
});

/** A model's config.json as the transformers library writes it: the fields that its memory and speed depend on. */
export const modelConfigSchema = z.looseObject({
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: optional(size),
  head_dim: optional(size),
  hidden_size: size,
  intermediate_size: size,
  vocab_size: size,
  tie_word_embeddings: optional(z.boolean()),
  max_position_embeddings: optional(size),
  torch_dtype: optional(z.string()),
  dtype: optional(z.string()), // its newer name
  quantization_config: optional(quantizationSchema),
  // What makes a model one that this arithmetic does not hold for.
  is_encoder_decoder: optional(z.boolean()),
  kv_lora_rank: optional(z.number()),
  num_experts: optional(z.number()),
  num_local_experts: optional(z.number()),
  n_routed_experts: optional(z.number()),
  layer_types: optional(z.array(z.string())),
});
export type ModelConfig = z.output<typeof modelConfigSchema>;
