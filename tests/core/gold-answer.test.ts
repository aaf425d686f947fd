import { describe, expect, it } from "vitest";
import { readGold } from "../../pipeline/core/gold-answer.ts";

describe("readGold", () => {
  it("keeps what Python's float() takes as a whole number", () => {
    expect(readGold("142.0", "integer")).toEqual({ answer: "142", borderline: false });
    expect(readGold(" 5", "integer")).toEqual({ answer: "5", borderline: false });
    expect(readGold("3".repeat(60), "integer")).toEqual({ answer: "3".repeat(60), borderline: false });
  });

  it("keeps and flags numerals that float() misreads", () => {
    expect(readGold("2112_6", "integer")).toEqual({ answer: "21126", borderline: true });
    expect(readGold("-221_3", "integer")).toEqual({ answer: "-2213", borderline: true });
  });

  it("drops thousands separators by the published rule, and says so", () => {
    expect(readGold("15,600", "integer")).toEqual({
      reason: "not an integer by the published rule (answers: any would read 15600): 15,600",
    });
    expect(readGold("15,600", "any")).toEqual({ answer: "15600", borderline: false });
  });

  it.each(["12.5", "\\frac{1}{2}", "x", "(1,2)", "", "nan"])("drops %s under every rule", (gold) => {
    for (const rule of ["integer", "nonnegative", "any"] as const)
      expect(readGold(gold, rule)).toHaveProperty("reason");
  });

  it("drops negative answers where they are not wanted", () => {
    expect(readGold("-4", "nonnegative")).toEqual({ reason: "negative: -4" });
  });
});
