import { randomStream } from "../../core/seed.ts";
import type { AddonContext, AddonModel, AddonSampler, LlamaAddon } from "./addon.ts";

/** Sampling as vLLM means it. */
export interface Sampling {
  temperature: number; // 0: the likeliest token
  topP: number;
  topK: number; // below 1: all
  minP: number;
  repetitionPenalty: number; // of tokens of prompt and text; excludes the next two
  frequencyPenalty: number; // of tokens of the text
  presencePenalty: number;
  seed: number;
  /** How many of the likeliest tokens' log probabilities are wanted beside the chosen one's; undefined for none at all. */
  logprobs?: number | undefined;
}

export interface SampledToken {
  token: number;
  logprobs?: TokenLogprobs;
}

/** Natural logarithms, of the model's own probabilities: before temperature, penalties and cuts, as vLLM's. */
export interface TokenLogprobs {
  chosen: number;
  likeliest: readonly (readonly [token: number, logprob: number])[];
}

/** vLLM takes temperatures below this for 0 (vllm/sampling_params.py). */
const lowestTemperature = 1e-5;

/** A nucleus is looked for among so many tokens first: a vocabulary may have 200,000. */
const usualNucleus = 1024;

/** Draws the tokens of one text, each by a seed of its own. */
export class TokenSampler {
  readonly #sampling: Sampling;
  readonly #vocabulary: number;
  readonly #prompt: readonly number[];
  readonly #sampler: AddonSampler;
  readonly #plain: AddonSampler | undefined; // for log probabilities
  readonly #random: () => number;
  readonly #config: Parameters<AddonSampler["applyConfig"]>[0];

  constructor(addon: LlamaAddon, model: AddonModel, vocabulary: number, sampling: Sampling, prompt: readonly number[]) {
    const { temperature, topK, minP, seed, logprobs } = sampling;
    this.#sampling = sampling;
    this.#vocabulary = vocabulary;
    this.#prompt = prompt;
    this.#random = randomStream(seed);
    this.#sampler = new addon.AddonSampler(model);
    this.#config =
      temperature < lowestTemperature
        ? {}
        : {
            temperature,
            seed: Math.floor(this.#random() * 2 ** 32),
            ...(topK >= 1 ? { topK } : {}),
            // llama.cpp cuts before it applies the temperature, vLLM behind: the same tokens with this power.
            ...(minP > 0 ? { minP: minP ** temperature } : {}),
          };
    this.#sampler.applyConfig(this.#config);
    if (logprobs !== undefined) {
      this.#plain = new addon.AddonSampler(model);
      this.#plain.applyConfig({});
    }
  }

  /** The token behind what was computed at `place`. `text` is what was drawn so far. */
  async next(context: AddonContext, place: number, text: readonly number[]): Promise<SampledToken> {
    const token = await this.#draw(context, place, text);
    if (token < 0) throw new Error("llama.cpp could not sample a token");
    if (this.#plain === undefined) return { token };
    return { token, logprobs: await this.#logprobs(context, place, this.#plain, token) };
  }

  dispose(): void {
    this.#sampler.dispose();
    this.#plain?.dispose();
  }

  async #draw(context: AddonContext, place: number, text: readonly number[]): Promise<number> {
    this.#applyPenalties(text);
    const { topP, temperature } = this.#sampling;
    if (topP >= 1 || temperature < lowestTemperature) return context.sampleToken(place, this.#sampler);
    for (let count = Math.min(usualNucleus, this.#vocabulary); ; count = this.#vocabulary) {
      const { pairs, total } = await logitsAt(context, place, this.#sampler, { tokens: [], count });
      const nucleus = nucleusOf(pairs, topP * total);
      if (nucleus.isWhole || count === this.#vocabulary) return drawFrom(nucleus, this.#random());
      this.#applyPenalties(text); // it has taken its own token for the next one
    }
  }

  #applyPenalties(text: readonly number[]): void {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = this.#sampling;
    if (repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0) return;
    const tokens = repetitionPenalty === 1 ? text : [...this.#prompt, ...text];
    this.#sampler.applyConfig({
      ...this.#config,
      repeatPenalty: repetitionPenalty,
      repeatPenaltyFrequencyPenalty: frequencyPenalty,
      repeatPenaltyPresencePenalty: presencePenalty,
      repeatPenaltyTokens: Uint32Array.from(tokens),
      repeatPenaltyMaxTokens: Math.max(1, tokens.length),
    });
  }

  async #logprobs(context: AddonContext, place: number, plain: AddonSampler, token: number): Promise<TokenLogprobs> {
    const count = Math.min(this.#sampling.logprobs ?? 0, this.#vocabulary);
    const { pairs, total } = await logitsAt(context, place, plain, { tokens: [token], count: Math.max(1, count) });
    const logits = new Map<number, number>();
    for (let at = 0; at < pairs.length; at += 2) logits.set(pairs[at] ?? -1, pairs[at + 1] ?? 0);
    const zero = Math.max(...logits.values()) + Math.log(total);
    const likeliest = [...logits].toSorted(([, a], [, b]) => b - a).slice(0, count);
    return {
      chosen: (logits.get(token) ?? Number.NEGATIVE_INFINITY) - zero,
      likeliest: likeliest.map(([id, logit]) => [id, logit - zero] as const),
    };
  }
}

/**
 * Tokens and logits in turn, behind what the sampler does to them: the `count` likeliest in order, and those named.
 * `total` is the weight of all tokens, relative to the likeliest's.
 */
async function logitsAt(
  context: AddonContext,
  place: number,
  sampler: AddonSampler,
  { tokens, count }: { tokens: number[]; count: number },
): Promise<{ pairs: readonly number[]; total: number }> {
  const filter: [number[], boolean, boolean, boolean, number] = [tokens, false, false, false, count];
  const [, , , pairs = [], total] = await context.sampleToken(place, sampler, false, false, filter, true);
  return { pairs, total };
}

interface Nucleus {
  tokens: number[]; // the likeliest first
  weights: number[];
  total: number;
  /** Whether it reaches the share that was wanted. */
  isWhole: boolean;
}

/** The likeliest tokens that together have a weight, with the one that reaches it. Weights are relative to the first's. */
function nucleusOf(pairs: readonly number[], wanted: number): Nucleus {
  const nucleus: Nucleus = { tokens: [], weights: [], total: 0, isWhole: false };
  const highest = pairs[1] ?? 0;
  for (let at = 0; at < pairs.length && !nucleus.isWhole; at += 2) {
    const weight = Math.exp((pairs[at + 1] ?? Number.NEGATIVE_INFINITY) - highest);
    nucleus.tokens.push(pairs[at] ?? -1);
    nucleus.weights.push(weight);
    nucleus.total += weight;
    nucleus.isWhole = nucleus.total >= wanted;
  }
  return nucleus;
}

function drawFrom({ tokens, weights, total }: Nucleus, random: number): number {
  let left = random * total;
  for (const [index, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return tokens[index] ?? -1;
  }
  return tokens.at(-1) ?? -1;
}
