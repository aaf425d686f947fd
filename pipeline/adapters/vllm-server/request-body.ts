import { z } from "zod";
import { badParameter, badRequest, invalidBody } from "./protocol-error.ts";
import type { GenerationOptions } from "./served-model.ts";

// Not z.int(): vLLM's seeds are 64 bits wide.
const integer = z.number().refine(Number.isInteger, "expected an integer");
const tokenIds = z.array(integer.refine((id) => id >= 0, "expected token ids"));

const common = {
  model: z.string().nullish(),
  max_tokens: integer.nullish(),
  n: integer.nullish(),
  seed: integer.nullish(),
  stop: z.union([z.string(), z.array(z.string())], "expected a string or an array of strings").nullish(),
  include_stop_str_in_output: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  echo: z.boolean().nullish(),
  request_id: z.string().nullish(),
};

/** POST /v1/completions, the fields that matter here; vLLM ignores unknown ones, so does this. */
export const completionBodySchema = z.looseObject({
  ...common,
  prompt: z.union(
    [z.string(), z.array(z.string()), tokenIds, z.array(tokenIds.min(1))],
    "expected a string, an array of strings, token ids or arrays of token ids",
  ),
  suffix: z.string().nullish(),
});
export type CompletionBody = z.infer<typeof completionBodySchema>;

const messageSchema = z.looseObject({
  role: z.string(),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))])
    .nullish()
    .transform((content) =>
      typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n"),
    ),
});
export type Message = z.infer<typeof messageSchema>;

const rendering = {
  messages: z.array(messageSchema).min(1),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
};

/** POST /v1/chat/completions. */
export const chatBodySchema = z.looseObject({
  ...common,
  ...rendering,
  max_completion_tokens: integer.nullish(),
});
export type ChatBody = z.infer<typeof chatBodySchema>;

/** POST /tokenize, of a prompt or of messages. */
export const tokenizeBodySchema = z.looseObject({
  model: z.string().nullish(),
  prompt: z.string().optional(),
  messages: rendering.messages.optional(),
  add_generation_prompt: rendering.add_generation_prompt,
  continue_final_message: rendering.continue_final_message,
  return_token_strs: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
});

export const detokenizeBodySchema = z.looseObject({ model: z.string().nullish(), tokens: tokenIds });

/** The body as its schema gives it; the first thing wrong with it is a 400 that names the field. */
export function parseBody<Body>(schema: z.ZodType<Body>, json: string): Body {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw invalidBody(`JSON decode error: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidBody(issue?.message ?? "not valid", issue?.path);
}

/** A generation's body; its id is the header's, where there is one. */
export function parseGeneration<Body extends GenerationOptions>(
  schema: z.ZodType<Body>,
  json: string,
  requestId: string | undefined,
): Body {
  const request = parseBody(schema, json);
  if (request.stream_options && !request.stream) {
    throw badParameter("Stream options can only be defined when `stream=True`.", "stream_options");
  }
  return requestId === undefined ? request : { ...request, request_id: requestId };
}

/** vLLM's `add_generation_prompt` is true unless it is said to be false, and excludes continuing the last message. */
export function renderingFlags(body: {
  add_generation_prompt?: boolean | null | undefined;
  continue_final_message?: boolean | null | undefined;
}) {
  const addGenerationPrompt = body.add_generation_prompt ?? true;
  const continueFinalMessage = body.continue_final_message ?? false;
  if (addGenerationPrompt && continueFinalMessage) {
    throw badRequest("Cannot set both `continue_final_message` and `add_generation_prompt` to True.");
  }
  return { addGenerationPrompt, continueFinalMessage };
}
