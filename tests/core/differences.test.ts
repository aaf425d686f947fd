import { describe, expect, it } from "vitest";
import { countValues, differences, shownDifferences } from "../../pipeline/core/differences.ts";

describe("differences", () => {
  it("names each place in which two values differ, and nothing else", () => {
    const expected = { a: 1, list: [{ b: "x" }, { b: "y" }], same: { deep: [null] }, gone: true };
    const found = { a: 1, list: [{ b: "x" }, { b: "z" }], same: { deep: [null] }, added: 0 };
    expect(differences(expected, found)).toEqual([
      { field: "list.1.b", expected: "y", found: "z" },
      { field: "gone", expected: true, found: undefined },
      { field: "added", expected: undefined, found: 0 },
    ]);
  });

  it("takes values of another kind as one difference", () => {
    expect(differences({ a: [1] }, { a: { 0: 1 } })).toEqual([{ field: "a", expected: [1], found: { 0: 1 } }]);
    expect(differences({ a: null }, { a: {} })).toHaveLength(1);
    expect(differences({ a: 1 }, { a: "1" })).toHaveLength(1);
  });

  it("rounds nothing", () => {
    expect(differences(0.1 + 0.2, 0.3)).toEqual([{ field: "", expected: 0.1 + 0.2, found: 0.3 }]);
  });

  it("shows of long texts where they differ", () => {
    const start = "x".repeat(500);
    const [shown] = shownDifferences({ code: `${start}abc` }, { code: `${start}abd` });
    expect(shown).toEqual({ field: "code", expected: `…${"x".repeat(18)}abc"`, found: `…${"x".repeat(18)}abd"` });
  });
});

describe("countValues", () => {
  it("counts what stands in objects and lists, at any depth", () => {
    expect(countValues({ a: 1, b: [2, { c: null }], d: {} })).toBe(3);
  });
});
