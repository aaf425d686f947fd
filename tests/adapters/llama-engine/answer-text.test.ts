import { describe, expect, it } from "vitest";
import { AnswerText, type Detokenizer, type TextLimits } from "../../../pipeline/adapters/llama-engine/answer-text.ts";

const end = -1;

/** Tokens that are bytes, as UTF-8 where they make characters. */
const bytes: Detokenizer = {
  detokenize: (tokens) => Buffer.from(tokens).toString("utf8"),
  isEnd: (token) => token === end,
};

function answer(limits: Partial<TextLimits> = {}) {
  const none = { stop: [], includeStop: false, stopTokens: new Set<number>(), ignoreEnd: false, maxTokens: 100 };
  return new AnswerText(bytes, [...Buffer.from("prompt: ")], { ...none, ...limits });
}

/** What is sent as the text's tokens come, until it ends. */
function written(text: AnswerText, tokens: Iterable<number>): string[] {
  const pieces: string[] = [];
  for (const token of tokens) {
    text.add(token);
    pieces.push(text.take());
    if (text.ending) break;
  }
  return pieces;
}

describe("a text that is generated", () => {
  it("ends with the model's end, which is no part of it", () => {
    const text = answer();
    expect(written(text, [...Buffer.from("4."), end, 65]).join("")).toBe("4.");
    expect(text).toMatchObject({ text: "4.", tokens: 3, ending: { finishReason: "stop", stopReason: null } });
  });

  it("is sent in whole characters", () => {
    expect(written(answer(), Buffer.from("aé日😀"))).toEqual(["a", "", "é", "", "", "日", "", "", "", "😀"]);
  });

  it("does not wait for ever for the rest of a character that never comes", () => {
    expect(written(answer(), [0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 65]).join("")).toContain("\uFFFD");
  });

  it.each([
    [true, "x = 1\n```output\n", ["x", " ", "=", " ", "1", "\n", "`"]],
    [false, "x = 1\n", ["", "", "", "", "", "", ""]],
  ])("ends with a stop string (kept: %s), and holds back what may be one that is cut", (includeStop, whole, first) => {
    const text = answer({ stop: ["```output\n", "never"], includeStop });
    const pieces = written(text, Buffer.from("x = 1\n```output\n4"));
    expect(pieces.slice(0, 7)).toEqual(first);
    expect(pieces.join("")).toBe(whole);
    expect(text.text).toBe(whole);
    expect(text.ending).toEqual({ finishReason: "stop", stopReason: "```output\n" });
  });

  it("ends with the stop string that is complete first, and of two with the first that is listed", () => {
    const ending = (stop: string[]) => {
      const text = answer({ stop });
      written(text, Buffer.from("abcdef"));
      return text.ending?.stopReason;
    };
    expect(ending(["cdef", "cd"])).toBe("cd");
    expect(ending(["d", "cd"])).toBe("d");
    expect(ending(["cd", "d"])).toBe("cd");
  });

  it("finds a stop string that begins in one token and ends in another, with more behind it", () => {
    const words = ["print(4)", "\n`", "``out", "put\nfoo"];
    const model: Detokenizer = {
      detokenize: (tokens) => tokens.map((token) => words[token] ?? "").join(""),
      isEnd: () => false,
    };
    const limits = { includeStop: true, stopTokens: new Set<number>(), ignoreEnd: false, maxTokens: 100 };
    const text = new AnswerText(model, [], { ...limits, stop: ["```output\n"] });
    written(text, [0, 1, 2, 3]);
    expect(text).toMatchObject({ text: "print(4)\n```output\n", tokens: 4 });
  });

  it("ends at max_tokens, but for a stop string that is complete with the last one", () => {
    const cut = answer({ maxTokens: 3 });
    written(cut, Buffer.from("abcdef"));
    expect(cut).toMatchObject({ text: "abc", ending: { finishReason: "length", stopReason: null } });
    const stopped = answer({ maxTokens: 3, stop: ["c"] });
    written(stopped, Buffer.from("abcdef"));
    expect(stopped).toMatchObject({ text: "ab", ending: { finishReason: "stop", stopReason: "c" } });
  });

  it("goes on behind the model's end if that is to be ignored", () => {
    const text = answer({ ignoreEnd: true, maxTokens: 3 });
    written(text, [65, end, 66]);
    expect(text.tokens).toBe(3);
  });
});
