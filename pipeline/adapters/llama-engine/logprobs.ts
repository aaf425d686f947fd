import type { SampledToken, TokenLogprobs } from "./token-sampler.ts";

type TokenText = (token: number) => string;

/** In the shape of /v1/completions. `offset` is where the first token's text begins. */
export function completionLogprobs(
  written: readonly SampledToken[],
  count: number,
  textOf: TokenText,
  offset: number,
): object {
  let at = offset;
  const tokens = written.map(({ token }) => textOf(token));
  return {
    tokens,
    token_logprobs: written.map(({ logprobs }) => logprobs?.chosen ?? null),
    top_logprobs: written.map(({ token, logprobs }) =>
      logprobs ? Object.fromEntries(likeliest(token, logprobs, count).map(([id, value]) => [textOf(id), value])) : null,
    ),
    text_offset: tokens.map((text) => {
      const start = at;
      at += text.length;
      return start;
    }),
  };
}

/** In the shape of /v1/chat/completions. */
export function chatLogprobs(written: readonly SampledToken[], count: number, textOf: TokenText): object {
  const entry = (token: number, logprob: number) => {
    const text = textOf(token);
    return { token: text, logprob, bytes: [...Buffer.from(text)] };
  };
  return {
    content: written.map(({ token, logprobs }) => ({
      ...entry(token, logprobs?.chosen ?? Number.NEGATIVE_INFINITY),
      top_logprobs: (logprobs?.likeliest.slice(0, count) ?? []).map(([id, value]) => entry(id, value)),
    })),
  };
}

/** The chosen token is told of even if it is none of the likeliest. */
function likeliest(token: number, { chosen, likeliest: top }: TokenLogprobs, count: number) {
  const listed = top.slice(0, count);
  return listed.some(([id]) => id === token) ? listed : [[token, chosen] as const, ...listed];
}
