import { describe, expect, it } from "vitest";
import { modelConfigSchema } from "../../pipeline/artifacts/model-config.ts";
import { kvBytesPerToken } from "../../pipeline/core/engine-arithmetic.ts";
import { languageModelPart, modelFactsOf } from "../../pipeline/core/model-shape.ts";

/** The shape of deepseek-math-7b: Llama's, every head with a key and value of its own. */
const deepSeekMath = {
  architectures: ["LlamaForCausalLM"],
  ...{ num_hidden_layers: 30, num_attention_heads: 32, num_key_value_heads: 32, hidden_size: 4096 },
  ...{ intermediate_size: 11008, vocab_size: 102400, max_position_embeddings: 4096 },
  ...{ tie_word_embeddings: false, torch_dtype: "bfloat16" },
};
/** The shape of Qwen2.5-Math-1.5B: shared keys and values, one matrix for both embeddings. */
const qwenSmall = {
  ...{ num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, hidden_size: 1536 },
  ...{ intermediate_size: 8960, vocab_size: 151936, tie_word_embeddings: true, max_position_embeddings: 4096 },
};

const factsOf = (config: object, bits?: number) =>
  modelFactsOf("config.json", modelConfigSchema.parse(languageModelPart(config)), bits);

describe("a model's config.json", () => {
  it("gives DeepSeekMath-7B's parameters, 491,520 bytes of cache a token, its format and context", () => {
    const facts = factsOf(deepSeekMath);
    expect(facts.shape).toMatchObject({ parameters: 6_910_365_696, headDimension: 128, keyValueHeads: 32 });
    expect(kvBytesPerToken(facts.shape, 2)).toBe(491_520);
    expect(facts).toMatchObject({ dtype: "bfloat16", contextLength: 4096, weightBits: 16 });
  });

  it("counts a shared embedding once, and shared keys as many as there are", () => {
    const { shape } = factsOf(qwenSmall);
    expect(shape.parameters / 1e9).toBeCloseTo(1.54, 2); // as its model card says
    expect(kvBytesPerToken(shape, 2)).toBe(2 * 28 * 2 * 128 * 2);
  });

  it.each([
    ["is missing", {}],
    ["is null", { num_key_value_heads: null }],
  ])("has as many KV heads as heads where num_key_value_heads %s", (_, field) => {
    const { num_key_value_heads: __, ...rest } = deepSeekMath;
    expect(factsOf({ ...rest, ...field }).shape.keyValueHeads).toBe(32);
  });

  it("has head_dim's heads where it is given, and refuses a hidden size that heads do not divide", () => {
    expect(factsOf({ ...deepSeekMath, head_dim: 256 }).shape.headDimension).toBe(256);
    expect(() => factsOf({ ...deepSeekMath, hidden_size: 4097 })).toThrow(/head_dim/u);
  });

  it("is read from text_config, with what the whole model says", () => {
    const { torch_dtype, tie_word_embeddings, ...text } = deepSeekMath;
    const whole = { text_config: text, torch_dtype, tie_word_embeddings: true, vision_config: { hidden_size: 7 } };
    const facts = factsOf(whole);
    expect(facts.dtype).toBe("bfloat16");
    expect(facts.shape).toMatchObject({ tiedEmbeddings: true, hiddenSize: 4096 });
  });

  it.each([
    ["gptq", { quant_method: "gptq", bits: 8, group_size: 128, desc_act: true }, 8],
    ["awq", { quant_method: "awq", bits: 4 }, 4],
    ["awq in its older form", { quant_method: "awq", w_bit: 4 }, 4],
    [
      "compressed-tensors",
      { quant_method: "compressed-tensors", config_groups: { group_0: { weights: { num_bits: 8 } } } },
      8,
    ],
    ["bitsandbytes", { quant_method: "bitsandbytes", load_in_4bit: true, load_in_8bit: false }, 4],
    ["fp8", { quant_method: "fp8" }, 8],
  ])("tells the bits of %s", (_, quantization_config, bits) => {
    expect(factsOf({ ...deepSeekMath, quantization_config }).weightBits).toBe(bits);
  });

  it("with a method that says no bits is refused, unless they are given", () => {
    const odd = { ...deepSeekMath, quantization_config: { quant_method: "of-tomorrow" } };
    expect(() => factsOf(odd)).toThrow(expect.objectContaining({ hint: expect.stringContaining("--weights-bits") }));
    expect(factsOf(odd, 3).weightBits).toBe(3);
  });

  it.each([
    ["a mixture of experts", { num_local_experts: 8 }],
    ["latent attention", { kv_lora_rank: 512 }],
    ["an encoder", { is_encoder_decoder: true }],
    ["layers other than attention", { layer_types: ["full_attention", "linear_attention"] }],
  ])("of a model with %s is refused", (what, fields) => {
    expect(() => factsOf({ ...deepSeekMath, ...fields })).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringContaining(what) }),
    );
  });

  it("of a model with sliding windows is taken", () => {
    expect(factsOf({ ...deepSeekMath, layer_types: ["sliding_attention", "full_attention"] }).shape.layers).toBe(30);
  });
});
