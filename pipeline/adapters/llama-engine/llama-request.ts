import { z } from "zod";
import { badRequest } from "../vllm-server/protocol-error.ts";
import { chatBodySchema, completionBodySchema } from "../vllm-server/request-body.ts";
import type { Sampling } from "./token-sampler.ts";

const integer = z.number().refine(Number.isInteger, "expected an integer");
const share = z.number().min(0).max(1);
const only = <Value extends number | boolean>(value: Value) =>
  z.literal(value, `the embedded model serves ${value} alone`).optional();

/** vLLM takes a null for the default; what is not served may be named and left empty. */
const dropNulls = (body: unknown) =>
  typeof body === "object" && body !== null && !Array.isArray(body)
    ? Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
    : body;

/** vLLM ignores fields that it does not know. Here nothing is taken that would be without effect. */
const refusal = {
  error: ({ code, keys }: { code?: string; keys?: unknown }) =>
    code === "unrecognized_keys" ? `the embedded model does not serve ${keys}` : undefined,
};

/** Fields beyond the protocol's own schemas, as vLLM names and bounds them (vllm/sampling_params.py). */
const sampling = {
  temperature: z.number().min(0).max(100).default(1),
  top_p: z.number().gt(0).max(1).default(1),
  top_k: integer.refine((value) => value >= -1, "expected -1, 0 or more").default(-1),
  min_p: share.default(0),
  repetition_penalty: z.number().gt(0).default(1),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  presence_penalty: z.number().min(-2).max(2).default(0),
  stop_token_ids: z.array(integer).default([]),
  ignore_eos: z.boolean().default(false),
  skip_special_tokens: z.boolean().default(true),
  return_token_ids: z.boolean().default(false),
  return_tokens_as_token_ids: z.boolean().default(false), // in log probabilities
  n: only(1),
  echo: only(false),
  user: z.string().optional(), // whose request it is changes nothing
};

const { suffix: _, ...completionFields } = completionBodySchema.shape;

export const llamaCompletionSchema = z.preprocess(
  dropNulls,
  z.strictObject(
    {
      ...completionFields,
      prompt: z.union([z.string(), z.array(integer)], "expected one prompt: a string or token ids"),
      ...sampling,
      logprobs: z.int().min(0).max(20).optional(),
      add_special_tokens: z.boolean().default(true),
    },
    refusal,
  ),
);
export type LlamaCompletion = z.infer<typeof llamaCompletionSchema>;

export const llamaChatSchema = z.preprocess(
  dropNulls,
  z.strictObject(
    {
      ...chatBodySchema.shape,
      ...sampling,
      logprobs: z.boolean().default(false),
      top_logprobs: z.int().min(0).max(20).default(0),
      add_special_tokens: z.boolean().default(false),
    },
    refusal,
  ),
);
export type LlamaChat = z.infer<typeof llamaChatSchema>;

/** How the tokens of an answer are drawn. `logprobs` is as `Sampling` has it. */
export function samplingOf(
  request: Omit<LlamaCompletion | LlamaChat, "logprobs">,
  logprobs: number | undefined,
): Sampling {
  const { repetition_penalty: repetitionPenalty, frequency_penalty, presence_penalty } = request;
  if (repetitionPenalty !== 1 && (frequency_penalty !== 0 || presence_penalty !== 0)) {
    throw badRequest(
      "repetition_penalty together with frequency_penalty or presence_penalty: the embedded model takes one or the other.",
      "repetition_penalty",
    );
  }
  return {
    temperature: request.temperature,
    topP: request.top_p,
    topK: request.top_k,
    minP: request.min_p,
    repetitionPenalty,
    frequencyPenalty: frequency_penalty,
    presencePenalty: presence_penalty,
    seed: request.seed ?? Math.floor(Math.random() * 2 ** 48),
    logprobs,
  };
}
