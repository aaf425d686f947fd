import { describe, expect, it } from "vitest";
import { readInteger } from "../../pipeline/core/integer-text.ts";

describe("readInteger", () => {
  it.each([
    ["8178.0", "8178"],
    ["033", "33"],
    ["-4.0", "-4"],
    ["1,000", "1000"],
    ["-12,345,678", "-12345678"],
    ["14,\\!400", "14400"],
    ["15{,}600", "15600"],
    ["$42$", "42"],
    ["\\$1,050", "1050"],
    ["50\\%", "50"],
    ["12.", "12"],
    ["36 \\text{ cm}", "36"],
    ["\\text{42}", "42"],
    ["90^\\circ", "90"],
    ["- 7", "-7"],
    ["-0", "0"],
    ["+5", "5"],
    ["1e3", "1000"],
    ["611692004959217280", "611692004959217280"],
    ["9".repeat(400), "9".repeat(400)],
  ])("reads %s as %s", (text, integer) => {
    expect(readInteger(text)).toBe(integer);
  });

  it.each([
    "2^{10}",
    "12.5",
    "nan",
    "inf",
    "",
    "x",
    "1,00",
    "1,0000",
    "12 34",
    "\\frac{4}{2}",
    "1e400",
    "5 cm",
    "3, 4",
    "9".repeat(20_000),
  ])("takes %s for no integer", (text) => {
    expect(readInteger(text)).toBeNull();
  });

  it("is exact beyond what a double holds", () => {
    expect(readInteger("12345678901234567.5")).toBeNull();
    expect(readInteger("9007199254740993")).toBe("9007199254740993");
  });
});
