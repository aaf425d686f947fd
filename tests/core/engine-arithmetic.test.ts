import { describe, expect, it } from "vitest";
import type { EngineCard } from "../../pipeline/artifacts/engine-card.ts";
import { engineCardNames, loadEngineCard } from "../../pipeline/commands/engine-card-file.ts";
import {
  bandwidthCeiling,
  kvBytesPerToken,
  kvTokens,
  stepSeconds,
  weightBytes,
} from "../../pipeline/core/engine-arithmetic.ts";

const deepSeekMath = await loadEngineCard("t4x2-deepseekmath-7b-gptq8");
const cardNames = await engineCardNames();
const qwen = await loadEngineCard("t4x2-qwen25-math-7b-gptq8");

const decoding = (sequences: number, tokensEach: number) => ({
  promptTokens: 0,
  sequences,
  contextTokens: sequences * tokensEach,
});
const tokensPerSecond = (card: EngineCard, sequences: number, tokensEach: number, pace?: "low" | "middle" | "high") =>
  sequences / stepSeconds(card, decoding(sequences, tokensEach), pace);

describe("the KV cache", () => {
  it("takes 491,520 bytes a token where every head has its own keys, 57,344 with 4 shared ones", () => {
    expect(kvBytesPerToken(deepSeekMath.model, 2)).toBe(491_520);
    expect(kvBytesPerToken(qwen.model, 2)).toBe(57_344);
    expect(kvBytesPerToken(qwen.model, 1)).toBe(28_672);
  });

  it("holds about 38,000 tokens of DeepSeekMath-7B GPTQ-8 on two T4, in whole blocks", () => {
    expect(kvTokens(deepSeekMath)).toBeGreaterThan(37_500);
    expect(kvTokens(deepSeekMath)).toBeLessThan(38_500);
    expect(kvTokens(deepSeekMath) % 16).toBe(0);
  });

  it("holds 8,487 blocks in 62.2 GiB, as vLLM 0.4.2 logged for the same weights on a card of 80 GB", () => {
    expect((8487 * 16 * kvBytesPerToken(deepSeekMath.model, 2)) / 2 ** 30).toBeCloseTo(62.2, 1);
  });

  it("holds nothing where the weights leave no room", () => {
    expect(kvTokens({ ...deepSeekMath, gpuCount: 1, weights: { bits: 16 } })).toBe(0);
  });

  it("gains nothing per GPU from more GPUs than KV heads, but for the weights", () => {
    const one = { ...qwen, weights: { bits: 8, bytes: 1 }, model: { ...qwen.model, keyValueHeads: 1 } };
    expect(kvTokens({ ...one, gpuCount: 4 })).toBe(kvTokens({ ...one, gpuCount: 1 }));
  });
});

describe("the weights", () => {
  it("are 2 bytes a parameter at 16 bits", () => {
    expect(weightBytes(deepSeekMath.model, 16)).toBe(2 * 6_910_365_696);
  });

  it("keep their embeddings at 16 bits when the rest is quantised", () => {
    // vLLM 0.4.2 logged 7.3827 GiB for NuminaMath-7B-TIR-GPTQ.
    expect(weightBytes(deepSeekMath.model, 8) / 2 ** 30).toBeCloseTo(7.38, 1);
    // By hand: 2 × 152,064 × 3,584 of 16 bits, the other 6,525,621,760 of 4 + 20/128.
    expect(weightBytes(qwen.model, 4)).toBe(2_179_989_504 + 3_390_264_430);
    expect(weightBytes({ ...qwen.model, tiedEmbeddings: true }, 8)).toBeLessThan(weightBytes(qwen.model, 8));
  });
});

describe("a step's time", () => {
  it.each([
    { sequences: 16, tokensEach: 1000, ceiling: 670 },
    { sequences: 32, tokensEach: 1000, ceiling: 890 },
    { sequences: 48, tokensEach: 750, ceiling: 1230 },
  ])("has a bandwidth ceiling of $ceiling tokens/s at $sequences × $tokensEach on two T4", (figure) => {
    const rounded = { ...deepSeekMath, weights: { bits: 8, bytes: 7.38e9 } }; // as those figures were calculated
    const ceiling = bandwidthCeiling(rounded, decoding(figure.sequences, figure.tokensEach));
    expect(Math.abs(ceiling / figure.ceiling - 1)).toBeLessThan(0.01);
  });

  it("puts DeepSeekMath-7B GPTQ-8 on two T4 at 300 to 500 tokens/s with 32 to 48 sequences", () => {
    for (const [sequences, tokensEach] of [
      [32, 1000],
      [48, 750],
    ] as const) {
      const middle = tokensPerSecond(deepSeekMath, sequences, tokensEach);
      expect(middle).toBeGreaterThan(300);
      expect(middle).toBeLessThan(500);
      expect(tokensPerSecond(deepSeekMath, sequences, tokensEach, "low")).toBeGreaterThan(280);
      expect(tokensPerSecond(deepSeekMath, sequences, tokensEach, "high")).toBeLessThan(550);
    }
  });

  it("is the memory's with few sequences and the arithmetic's with a long prompt", () => {
    const halfBandwidth = { ...deepSeekMath, gpu: { ...deepSeekMath.gpu, gigabytesPerSecond: 160 } };
    const halfFlops = { ...deepSeekMath, gpu: { ...deepSeekMath.gpu, teraflops: 32.5 } };
    const prompt = { promptTokens: 2048, sequences: 0, contextTokens: 0 };
    expect(stepSeconds(halfFlops, decoding(1, 500))).toBe(stepSeconds(deepSeekMath, decoding(1, 500)));
    expect(stepSeconds(halfBandwidth, decoding(1, 500))).toBeGreaterThan(stepSeconds(deepSeekMath, decoding(1, 500)));
    expect(stepSeconds(halfBandwidth, prompt)).toBe(stepSeconds(deepSeekMath, prompt));
    expect(stepSeconds(halfFlops, prompt)).toBeGreaterThan(stepSeconds(deepSeekMath, prompt));
  });

  it("grows with what is computed, read and exchanged", () => {
    const base = stepSeconds(deepSeekMath, decoding(16, 500));
    expect(stepSeconds(deepSeekMath, decoding(16, 501))).toBeGreaterThan(base);
    expect(stepSeconds(deepSeekMath, decoding(17, 500))).toBeGreaterThan(base);
    const slowLink = { ...deepSeekMath.gpu, allReduce: { microseconds: 400, gigabytesPerSecond: 6 } };
    // 60 all-reduces a step, each 360 microseconds longer.
    expect(stepSeconds({ ...deepSeekMath, gpu: slowLink }, decoding(16, 500)) - base).toBeCloseTo(0.0216, 6);
  });

  it("exchanges nothing on one GPU", () => {
    const alone = { ...qwen, gpuCount: 1 };
    const slowLink = { ...alone.gpu, allReduce: { microseconds: 400, gigabytesPerSecond: 1 } };
    expect(stepSeconds({ ...alone, gpu: slowLink }, decoding(8, 500))).toBe(stepSeconds(alone, decoding(8, 500)));
  });
});

describe("an engine card", () => {
  it.each(cardNames)("%s has room for its context and says its own name", async (name) => {
    const card = await loadEngineCard(name);
    expect(card.name).toBe(name);
    expect(kvTokens(card)).toBeGreaterThan(card.maxModelLen);
  });

  it("that is not there is a UserError with the nearest name", async () => {
    await expect(loadEngineCard("t4x2-deepseekmath-7b-gptq")).rejects.toMatchObject({
      name: "UserError",
      hint: expect.stringContaining("Did you mean t4x2-deepseekmath-7b-gptq8?"),
    });
  });
});
