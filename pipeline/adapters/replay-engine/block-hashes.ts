import type { RecordedTurn } from "./journal.ts";
import { visitTokenEnds } from "./tokenizer.ts";

/** A part of a text. Where only its number of tokens is known, they are taken for parts of equal length. */
export interface Segment {
  text: string;
  tokens?: number;
}

/**
 * What vLLM's prefix cache knows a text by: a hash for each full block of tokens, chained, so that it stands for all of
 * the text up to the block's end. Texts that begin alike have the first hashes in common.
 */
export function blockHashes(segments: readonly Segment[], blockSize: number): number[] {
  const hashes: number[] = [];
  let tokens = 0;
  // Two multiplicative hashes (FNV-1a's form) side by side: one of 32 bits would let texts collide.
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  const mix = (value: number) => {
    high = Math.imul(high ^ value, 0x01000193);
    low = Math.imul(low ^ value, 0x5bd1e995);
    low ^= low >>> 15;
  };
  for (const { text, tokens: count } of segments) {
    let hashed = 0;
    const hashTo = (end: number) => {
      for (; hashed < end; hashed += 1) mix(text.charCodeAt(hashed));
    };
    const endToken = (end: number) => {
      tokens += 1;
      if (tokens % blockSize > 0) return;
      hashTo(end);
      mix(hashes.length);
      hashes.push((high >>> 11) * 2 ** 32 + (low >>> 0));
    };
    if (count === undefined) visitTokenEnds(text, endToken);
    else for (let token = 1; token <= count; token += 1) endToken(Math.floor((token * text.length) / count));
    hashTo(text.length);
  }
  return hashes;
}

/**
 * A prompt of a recorded run, with the tokens that its model's own tokenizer counted: the prompt proper, and then the
 * earlier turns that stand in it and what was written between them. `promptTokens` are those of the whole.
 */
export function recordedSegments(prompt: string, earlier: readonly RecordedTurn[], promptTokens: number): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  let counted = 0;
  for (const { text, tokens } of earlier) {
    const start = prompt.indexOf(text, end);
    if (start < 0) continue; // before a restart: the text is gone
    segments.push({ text: prompt.slice(end, start), tokens: Math.max(0, tokens.prompt - counted) });
    segments.push({ text, tokens: tokens.completion });
    end = start + text.length;
    counted = Math.max(counted, tokens.prompt) + tokens.completion;
  }
  return [...segments, { text: prompt.slice(end), tokens: Math.max(0, promptTokens - counted) }];
}
