import { describe, expect, it } from "vitest";
import { blockHashes, recordedSegments } from "../../../pipeline/adapters/replay-engine/block-hashes.ts";
import { countTokens } from "../../../pipeline/adapters/replay-engine/tokenizer.ts";

const words = (count: number, word = "word") =>
  Array.from({ length: count }, (_, index) => `${word}${index % 10}`).join(" ");

/** How many first hashes two lists have in common. */
function shared(a: readonly number[], b: readonly number[]): number {
  const end = a.findIndex((hash, index) => hash !== b[index]);
  return end < 0 ? a.length : end;
}

describe("the hashes of a text's blocks", () => {
  it("are one for each full block", () => {
    const text = words(30);
    const hashes = blockHashes([{ text }], 4);
    expect(hashes).toHaveLength(Math.floor(countTokens(text) / 4));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.every((hash) => Number.isSafeInteger(hash))).toBe(true);
  });

  it("are those of every text that begins alike, up to where they part", () => {
    const text = words(40);
    const whole = blockHashes([{ text }], 4);
    const tokens = countTokens(text);
    expect(shared(blockHashes([{ text: `${text} and more of it` }], 4), whole)).toBe(Math.floor(tokens / 4));
    const changed = blockHashes([{ text: text.replace("word5", "Word5") }], 4);
    expect(shared(changed, whole)).toBe(Math.floor((tokens * 5) / 40 / 4));
    expect(changed.slice(5).some((hash) => whole.includes(hash))).toBe(false); // never again: they are chained
  });

  it("do not depend on how the text is divided, as long as its tokens do not", () => {
    const [first, second] = [`${words(9)}\n`, words(9, "other")];
    expect(blockHashes([{ text: first }, { text: second }], 4)).toEqual(blockHashes([{ text: first + second }], 4));
  });

  it("follow the number of tokens that is given, even where there is no text for them", () => {
    const text = words(10);
    expect(blockHashes([{ text, tokens: 80 }], 4)).toHaveLength(20);
    expect(new Set(blockHashes([{ text: "", tokens: 12 }], 4)).size).toBe(3);
    const longer = blockHashes(
      [
        { text, tokens: 80 },
        { text: "more", tokens: 9 },
      ],
      4,
    );
    expect(shared(longer, blockHashes([{ text, tokens: 80 }], 4))).toBe(20);
  });
});

const turn = (text: string, prompt: number, completion: number) => ({
  ...{ text, finish: "code" as const, seed: 0, tokens: { prompt, completion } },
});

describe("a recorded prompt", () => {
  const prompt = `${words(20)}\n`;

  it("is divided where its turns are, so that each turn's blocks are found by the next", () => {
    const [one, two] = ["Let us see.\n```python\nprint(1)\n```\n", "So the answer is 1, or is it?"];
    const first = recordedSegments(prompt, [], 50);
    const generated = [...first, { text: one, tokens: 30 }];
    const next = recordedSegments(`${prompt}${one}1\n\`\`\`\n`, [turn(one, 50, 30)], 88);
    expect(next).toEqual([...generated, { text: "1\n```\n", tokens: 8 }]);
    expect(shared(blockHashes(next, 16), blockHashes(generated, 16))).toBe(80 / 16);
    const last = recordedSegments(`${prompt}${one}1\n\`\`\`\n${two}`, [turn(one, 50, 30), turn(two, 88, 12)], 100);
    expect(last.map(({ tokens }) => tokens)).toEqual([50, 30, 8, 12, 0]);
  });

  it("begins anew where an earlier turn is not in it, as after a restart", () => {
    expect(recordedSegments(prompt, [turn("gone", 50, 30)], 50)).toEqual([{ text: prompt, tokens: 50 }]);
  });
});
