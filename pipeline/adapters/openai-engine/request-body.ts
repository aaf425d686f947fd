import type { GenerationRequest } from "../../stages/ports.ts";
import type { OpenEngineConfig } from "./engine-config.ts";

/** What the model continues: a text for /completions, messages for /chat/completions. */
export type Conversation = { prompt: string } | { messages: Message[]; continues: boolean };

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export function conversationOf(config: OpenEngineConfig, request: GenerationRequest): Conversation {
  if (config.transport === "completions") return { prompt: (request.prompt + request.text).toWellFormed() };
  const { system, user } = config.chat;
  const messages: Message[] = [];
  if (system !== undefined) messages.push({ role: "system", content: system });
  messages.push({ role: "user", content: user.replaceAll("{problem}", () => request.statement).toWellFormed() });
  const continues = request.text !== "";
  if (continues) messages.push({ role: "assistant", content: request.text.toWellFormed() });
  return { messages, continues };
}

/** UTF-8 bytes of all that is sent as text. */
export function bytesOf(conversation: Conversation): number {
  if ("prompt" in conversation) return Buffer.byteLength(conversation.prompt);
  return conversation.messages.reduce((bytes, { content }) => bytes + Buffer.byteLength(content), 0);
}

/** Path and body of a generation. Every sampling field is sent: a server's defaults are not the run's settings. */
export function generationCall(
  config: OpenEngineConfig,
  request: GenerationRequest,
  conversation: Conversation,
  { maxTokens, requestId }: { maxTokens: number; requestId: string },
): { path: string; body: object; headers: Record<string, string> } {
  const vllm = config.dialect === "vllm";
  const body = {
    model: config.model,
    ...("prompt" in conversation ? { prompt: conversation.prompt } : { messages: conversation.messages }),
    max_tokens: maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    seed: vllm ? request.seed : foldSeed(request.seed),
    ...(vllm || request.stop.length > 0 ? { stop: request.stop } : {}),
    n: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    ...(config.streaming ? { stream: true, stream_options: { include_usage: true } } : { stream: false }),
    ...(request.logprobs ? { logprobs: "prompt" in conversation ? 0 : true } : {}), // of the tokens written alone
    ...(vllm ? vllmFields(request, conversation, requestId) : {}),
  };
  return {
    path: "prompt" in conversation ? "/completions" : "/chat/completions",
    body,
    // In place of the body's request_id, which other servers refuse. vLLM would let the header win over the body.
    headers: vllm ? {} : { "X-Request-Id": requestId.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent) },
  };
}

/** https://docs.vllm.ai/en/latest/serving/openai_compatible_server/ (extra parameters) */
function vllmFields(request: GenerationRequest, conversation: Conversation, requestId: string): object {
  return {
    top_k: -1, // off, in old versions and new
    min_p: 0,
    repetition_penalty: 1,
    include_stop_str_in_output: request.keepStop,
    // A kept stop keeps the end-of-text token too; unskipped, its name would stand at the end of every answer.
    skip_special_tokens: true,
    request_id: requestId,
    ...("prompt" in conversation
      ? { add_special_tokens: true }
      : {
          add_special_tokens: false, // the chat template writes them
          add_generation_prompt: !conversation.continues, // both true is an error
          continue_final_message: conversation.continues,
        }),
  };
}

/** Body of vLLM's POST /tokenize for the same text. */
export function tokenizeBody(model: string, conversation: Conversation): object {
  if ("prompt" in conversation) return { model, prompt: conversation.prompt, add_special_tokens: true };
  const { messages, continues } = conversation;
  const rendering = { add_generation_prompt: !continues, continue_final_message: continues };
  return { model, messages, ...rendering, add_special_tokens: false };
}

/** A seed of up to 53 bits as one of 31, for servers that keep it in 32 bits with a sign. Small seeds stay. */
export function foldSeed(seed: number): number {
  return Math.floor(seed / 2 ** 31) ^ (seed % 2 ** 31);
}
