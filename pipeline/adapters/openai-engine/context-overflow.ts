/** What a refusal says about the context, as far as it has numbers. Lengths in tokens. */
export interface ContextOverflow {
  contextLength?: number;
  inputTokens?: number;
  /** The server stopped counting at `inputTokens`: there are at least so many. */
  inputIsLowerBound: boolean;
}

const overflow =
  /context[ _-]?(?:length|size|window)|max(?:imum)?[ _]model[ _]len(?:gth)?|max_seq_len|`inputs` tokens \+ `max_new_tokens`/iu;

/** vLLM's words for a prompt of exactly the context: it lowers max_tokens to what is left, and then refuses that. */
const nothingLeft = /max_tokens must be at least 1, got (?:0|-\d)/iu;

const contextLength =
  /(?:context[ _-]?(?:length|size|window)|model[ _]len(?:gth)?|max_seq_len|`max_new_tokens` must be <=)[^0-9]{0,24}([\d,]+)/iu;

/** In order: the first that matches counts. The servers whose wording it is stand behind each. */
const inputTokens = [
  /(at least |upper bound for )?([\d,]+) input tokens/iu, // vLLM from 0.9; where it stopped counting, or did not begin
  /()([\d,]+)(?: tokens)? (?:in|from) (?:the |your )?(?:input |prompt|messages)/iu, // OpenAI, vLLM before, SGLang
  /()request \(([\d,]+) tokens\)/iu, // llama.cpp
  /()prompt \(length ([\d,]+)\)/iu, // vLLM's engine
  /()(?:prompt|messages)[a-z ]* ([\d,]+) tokens/iu,
  /()input length \(?([\d,]+)/iu,
  /()given: ([\d,]+) `inputs`/iu, // text-generation-inference
];

/**
 * Reads a refusal's message. Undefined if it is about something else than the context.
 *
 * @param message for example "This model's maximum context length is 4096 tokens. However, you requested 2048 output
 *   tokens and your prompt contains at least 2049 input tokens …"
 */
export function readContextOverflow(message: string): ContextOverflow | undefined {
  if (!overflow.test(message) && !nothingLeft.test(message)) return undefined;
  const context = numberIn(contextLength.exec(message)?.[1]);
  const input = inputTokens.map((pattern) => pattern.exec(message)).find((match) => match !== null);
  const tokens = numberIn(input?.[2]);
  return {
    ...(context === undefined ? {} : { contextLength: context }),
    ...(tokens === undefined ? {} : { inputTokens: tokens }),
    inputIsLowerBound: Boolean(input?.[1]),
  };
}

function numberIn(digits: string | undefined): number | undefined {
  const value = Number((digits ?? "").replaceAll(",", ""));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
