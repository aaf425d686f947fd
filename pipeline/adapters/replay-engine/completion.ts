import type { Continuation } from "./replay.ts";
import { countTokens, firstTokens } from "./tokenizer.ts";

export interface Limits {
  maxTokens: number;
  stop: readonly string[];
  includeStop: boolean;
}

/** One choice of a response. */
export interface Completion {
  text: string;
  finishReason: "stop" | "length";
  stopReason: string | null;
  completionTokens: number;
}

/**
 * What vLLM would return had its model written this continuation.
 *
 * The stop string that is complete first wins. Tokens are counted up to the one that completes it, whatever of the
 * text is cut (vllm/v1/engine/detokenizer.py), and a model's own end is a token too.
 */
export function complete(
  continuation: Exclude<Continuation, { kind: "context-full" }>,
  { maxTokens, stop, includeStop }: Limits,
): Completion {
  if (continuation.kind === "turn") return completeTurn(continuation.turn, { maxTokens, stop, includeStop });
  const { text, finish } = continuation;
  const match = firstStop(text, stop);
  const end = match ? match.start + match.stop.length : text.length;
  const { text: allowed, tokens } = firstTokens(text, { characters: end, tokensAtMost: maxTokens });
  if (match && allowed.length >= end) {
    return {
      text: allowed.slice(0, includeStop ? end : match.start),
      finishReason: "stop",
      stopReason: match.stop,
      completionTokens: tokens,
    };
  }
  const ended = allowed.length === text.length && finish === "stop" && tokens < maxTokens;
  return {
    text: allowed,
    finishReason: ended ? "stop" : "length",
    stopReason: null,
    completionTokens: ended ? tokens + 1 : tokens,
  };
}

/** A recorded turn as it was answered then, with the token counts of then; a tighter limit cuts it. */
function completeTurn(
  { text, finish, stopString, tokens }: Extract<Continuation, { kind: "turn" }>["turn"],
  { maxTokens, includeStop }: Limits,
): Completion {
  if (tokens.completion > maxTokens && countTokens(text) > maxTokens) {
    const cut = firstTokens(text, { tokensAtMost: maxTokens });
    return { text: cut.text, finishReason: "length", stopReason: null, completionTokens: cut.tokens };
  }
  const finishReason = finish === "length" ? "length" : "stop";
  if (stopString === undefined) return { text, finishReason, stopReason: null, completionTokens: tokens.completion };
  const before = text.endsWith(stopString) ? text.slice(0, -stopString.length) : text;
  return {
    text: includeStop ? before + stopString : before,
    finishReason,
    stopReason: stopString,
    completionTokens: tokens.completion,
  };
}

/** The stop string that is complete first; of those complete at the same character, the first of the list. */
function firstStop(text: string, stops: readonly string[]): { stop: string; start: number } | undefined {
  let first: { stop: string; start: number } | undefined;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    if (start < 0) continue;
    if (!first || start + stop.length < first.start + first.stop.length) first = { stop, start };
  }
  return first;
}
