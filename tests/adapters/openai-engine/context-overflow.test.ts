import { describe, expect, it } from "vitest";
import { readContextOverflow } from "../../../pipeline/adapters/openai-engine/context-overflow.ts";

describe("readContextOverflow", () => {
  it.each([
    [
      "vLLM, newest: it stops counting where the prompt is too long",
      "This model's maximum context length is 32768 tokens. However, you requested 32000 output tokens and your prompt contains at least 769 input tokens, for a total of at least 32769 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=769)",
      { contextLength: 32768, inputTokens: 769, inputIsLowerBound: true },
    ],
    [
      "vLLM 0.32: a prompt beyond the context",
      "This model's maximum context length is 1024 tokens. However, your prompt contains at least 1025 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=1025)",
      { contextLength: 1024, inputTokens: 1025, inputIsLowerBound: true },
    ],
    [
      "vLLM 0.32: a prompt too long to be counted",
      "This model's maximum context length is 1024 tokens. However, your prompt contains 31600 characters (more than 17408 characters, which is the upper bound for 1024 input tokens). Please reduce the length of the input prompt. (parameter=input_text, value=31600)",
      { contextLength: 1024, inputTokens: 1024, inputIsLowerBound: true },
    ],
    [
      "vLLM 0.32: a prompt of exactly the context",
      "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
      { inputIsLowerBound: false },
    ],
    [
      "vLLM from 0.9",
      "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 tokens and your request has 2778 input tokens (8000 > 4096 - 2778). None",
      { contextLength: 4096, inputTokens: 2778, inputIsLowerBound: false },
    ],
    [
      "vLLM, a prompt alone",
      "This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens. Please reduce the length of the input messages.",
      { contextLength: 8192, inputTokens: 9000, inputIsLowerBound: false },
    ],
    [
      "vLLM before 0.9",
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (3000 in the messages, 2000 in the completion). Please reduce the length of the messages or completion.",
      { contextLength: 4096, inputTokens: 3000, inputIsLowerBound: false },
    ],
    [
      "vLLM's engine",
      "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.",
      { contextLength: 8192, inputTokens: 9000, inputIsLowerBound: false },
    ],
    [
      "vLLM, max_tokens alone",
      "max_tokens=5000 cannot be greater than max_model_len=4096. Please request fewer output tokens. (parameter=max_tokens, value=5000)",
      { contextLength: 4096, inputIsLowerBound: false },
    ],
    [
      "OpenAI",
      "This model's maximum context length is 4097 tokens, however you requested 5000 tokens (3000 in your prompt; 2000 for the completion). Please reduce your prompt; or completion length.",
      { contextLength: 4097, inputTokens: 3000, inputIsLowerBound: false },
    ],
    [
      "SGLang",
      "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens: 3000 tokens from the input messages and 2000 tokens for the completion.",
      { contextLength: 4096, inputTokens: 3000, inputIsLowerBound: false },
    ],
    [
      "llama.cpp",
      "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
      { contextLength: 4096, inputTokens: 5000, inputIsLowerBound: false },
    ],
    [
      "text-generation-inference",
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 2000 `max_new_tokens`",
      { contextLength: 4096, inputTokens: 3000, inputIsLowerBound: false },
    ],
    ["a code alone", "context_length_exceeded", { inputIsLowerBound: false }],
  ])("reads the numbers of %s", (_, message, expected) => {
    expect(readContextOverflow(message)).toEqual(expected);
  });

  it.each(["temperature must be non-negative", "The model `x` does not exist.", "", "max_tokens must be at least 1"])(
    "leaves other refusals alone: %s",
    (message) => {
      expect(readContextOverflow(message)).toBeUndefined();
    },
  );
});
