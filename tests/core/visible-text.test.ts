import { describe, expect, it } from "vitest";
import { visibleJson, visibleText } from "../../pipeline/core/visible-text.ts";

describe("visibleText", () => {
  it.each([
    ["an escape sequence", "\u001b[2J\u001b]0;title\u0007", "␛[2J␛]0;title␇"],
    ["a carriage return that would hide what stands before it", "bad\rgood", "bad␍good"],
    ["NUL and delete", "a\u0000b\u007f", "a␀b␡"],
    ["an eight-bit control character", "\u009b31m", "<U+009B>31m"],
    ["a mark that turns the direction", "a\u202eb\u2066c", "a<U+202E>b<U+2066>c"],
  ])("shows %s", (_, text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it("leaves lines, tabs and letters of all scripts as they are", () => {
    const text = "x\ty\r\nπ ≤ 4 😀 عدد";
    expect(visibleText(text)).toBe("x\ty\nπ ≤ 4 😀 عدد");
  });
});

describe("visibleJson", () => {
  it("escapes what would steer a terminal, and reads back the same", () => {
    const value = { "\u009bkey": "a\u001b\u007f\u009b31m\u202eb\n\t π", list: [1, null] };
    expect(visibleJson(value)).toContain("a\\u001b\\u007f\\u009b31m\\u202eb\\n\\t π");
    expect(JSON.parse(visibleJson(value, 2))).toEqual(value);
  });
});
