import { z } from "zod";
import { readContextOverflow } from "./context-overflow.ts";
import type { OpenEngineConfig } from "./engine-config.ts";
import { type ExchangeOptions, exchange } from "./exchange.ts";
import { bytesOf, type Conversation, tokenizeBody } from "./request-body.ts";
import type { PooledServer } from "./server-pool.ts";

/** A token is a byte at least, in byte-level and byte-fallback vocabularies alike; the rest is for what is added. */
const addedTokens = { prompt: 8, messages: 256 };

/** Prose has about 4 bytes a token, mathematics and code 2.5 to 3. */
const bytesPerToken = 2.5;

const tokenizeTimeoutSeconds = 30;

/** No prompt of this conversation is longer, in tokens. */
export function promptTokensAtMost(conversation: Conversation): number {
  return bytesOf(conversation) + ("prompt" in conversation ? addedTokens.prompt : addedTokens.messages);
}

export function estimatePromptTokens(conversation: Conversation): number {
  return Math.ceil(bytesOf(conversation) / bytesPerToken);
}

export type PromptCount = { kind: "count"; tokens: number } | { kind: "unknown" } | { kind: "context-full" };

const tokenizeSchema = z.object({ count: z.number().int().nonnegative() });

/** Asks the server how long a prompt is, with its template. `unknown` where the server cannot tell (now). */
export async function countPromptTokens(
  config: OpenEngineConfig,
  server: PooledServer,
  conversation: Conversation,
  { signal, now }: Pick<ExchangeOptions, "signal" | "now">,
): Promise<PromptCount> {
  if (config.dialect !== "vllm" || !server.tokenizes) return { kind: "unknown" };
  const timeoutSeconds = Math.min(config.requestTimeoutSeconds, tokenizeTimeoutSeconds);
  const body = tokenizeBody(config.model, conversation);
  const answer = await exchange(server, `${server.rootUrl}/tokenize`, body, { signal, timeoutSeconds, now });
  if (answer.kind === "failure") {
    const { status, message = "" } = answer.failure;
    if (status === 400 && readContextOverflow(message) !== undefined) return { kind: "context-full" };
    if (status === 404 || status === 405 || status === 501) server.tokenizes = false;
  }
  const counted = answer.kind === "reply" ? tokenizeSchema.safeParse(answer.body) : undefined;
  return counted?.success ? { kind: "count", tokens: counted.data.count } : { kind: "unknown" };
}
