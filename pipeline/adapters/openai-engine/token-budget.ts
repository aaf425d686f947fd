import { z } from "zod";
import { backOff } from "./back-off.ts";
import { readContextOverflow } from "./context-overflow.ts";
import type { EnginePorts, OpenEngineConfig } from "./engine-config.ts";
import { exchange } from "./exchange.ts";
import { bytesOf, type Conversation, tokenizeBody } from "./request-body.ts";
import type { PooledServer } from "./server-pool.ts";

/** A token is a byte at least, in byte-level and byte-fallback vocabularies alike; the rest is for what is added. */
const addedTokens = { prompt: 8, messages: 256 };

/** Prose has about 4 bytes a token, mathematics and code 2.5 to 3. */
const bytesPerToken = 2.5;

const tokenizeTimeoutSeconds = 30;
const tokenizeAttempts = 3;

/** No prompt of this conversation is longer, in tokens. */
export function promptTokensAtMost(conversation: Conversation): number {
  return bytesOf(conversation) + ("prompt" in conversation ? addedTokens.prompt : addedTokens.messages);
}

export function estimatePromptTokens(conversation: Conversation): number {
  return Math.ceil(bytesOf(conversation) / bytesPerToken);
}

export type PromptCount = { kind: "count"; tokens: number } | { kind: "unknown" } | { kind: "context-full" };

const tokenizeSchema = z.object({ count: z.number().int().nonnegative() });

/**
 * Asks the server how long a prompt is, with its template. `unknown` where the server cannot tell. A passing fault is
 * waited out, because an estimate in place of a count would give another max_tokens and so perhaps another text.
 */
export async function countPromptTokens(
  config: OpenEngineConfig,
  server: PooledServer,
  conversation: Conversation,
  { signal, now, random, sleep }: Required<EnginePorts> & { signal: AbortSignal },
): Promise<PromptCount> {
  const timeoutSeconds = Math.min(config.requestTimeoutSeconds, tokenizeTimeoutSeconds);
  const body = tokenizeBody(config.model, conversation);
  for (let attempt = 0; attempt < tokenizeAttempts; attempt += 1) {
    if (config.dialect !== "vllm" || !server.tokenizes || signal.aborted) break;
    const answer = await exchange(server, `${server.rootUrl}/tokenize`, body, { signal, timeoutSeconds, now });
    const counted = answer.kind === "reply" ? tokenizeSchema.safeParse(answer.body) : undefined;
    if (counted?.success) return { kind: "count", tokens: counted.data.count };
    if (answer.kind === "failure") {
      const { status, message = "", passing } = answer.failure;
      if (status === 400 && readContextOverflow(message) !== undefined) return { kind: "context-full" };
      if (status === 404 || status === 405 || status === 501) server.tokenizes = false;
      if (!passing) break;
    }
    if (attempt + 1 < tokenizeAttempts) await sleep(backOff(attempt, random()), signal);
  }
  return { kind: "unknown" };
}
