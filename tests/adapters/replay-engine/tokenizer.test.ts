import { describe, expect, it } from "vitest";
import {
  countTokens,
  firstTokens,
  pieces,
  visitTokenEnds,
} from "../../../pipeline/adapters/replay-engine/tokenizer.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";

/** What a token is, in one expression. */
const token = /\p{N}| ?\p{L}{1,12}|\n+|[^\S\n]+|./gsu;

describe("tokens", () => {
  it("are digits, words with the blank before them, runs of line ends and of blanks, and single characters", () => {
    const text = "So 12 apples,\n\n  each incomprehensibilities²: 𝔽é x\u00a0 y";
    expect([...pieces(text)]).toEqual([
      ...["So", " ", "1", "2", " apples", ",", "\n\n", "  ", "each"],
      ...[" incomprehens", "ibilities", "²", ":", " 𝔽é", " x", "\u00a0 ", "y"],
    ]);
    expect(firstTokens(text, { tokensAtMost: 3 })).toEqual({ text: "So 1", tokens: 3 });
    expect(firstTokens(text, { characters: 4 })).toEqual({ text: "So 1", tokens: 3 });
  });

  it("of any text are those of the expression", () => {
    const random = randomStream(5);
    const alphabet = [
      "a",
      "Z",
      "word",
      "éß",
      "𝔽",
      "字",
      "7",
      "٣",
      "½",
      " ",
      "  ",
      "\t",
      "\r",
      "\u00a0",
      "\u2028",
      "\n",
      "\n\n",
    ];
    const rest = ["$", "```", "_", "😀", "\ud800", "\u0300", "ﬁ", "abcdefghijkl", "m"];
    const parts = [...alphabet, ...rest];
    for (let round = 0; round < 3000; round += 1) {
      const text = Array.from({ length: 12 }, () => parts[Math.floor(random() * parts.length)] ?? "").join("");
      const expected = text.match(token) ?? [];
      expect([...pieces(text)], JSON.stringify(text)).toEqual(expected);
      expect(countTokens(text)).toBe(expected.length);
      const ends: number[] = [];
      visitTokenEnds(text, (end) => ends.push(end));
      expect(ends.at(-1) ?? 0).toBe(text.length);
      expect(ends).toHaveLength(expected.length);
    }
  });
});
