import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repeatedKey } from "../../../pipeline/adapters/text-lines/repeated-key.ts";

describe("repeatedKey", () => {
  it.each([
    ['{"a": 1, "b": 2, "a": 3}', "a"],
    ['{"a": 1, "\\u0061" : 3}', "a"],
    ['[{"x": {"a": [{"b": 1}], "a": 2}}]', "a"],
    ['{"": 1, "": 2}', ""],
    ['{"a\\\\": 1, "a\\\\": 2}', "a\\"],
    ['{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}', undefined],
    ['{"a": "\\"a\\": 1, \\\\", "b": "a", "c": ["a", "a"]}', undefined],
    ['"a"', undefined],
  ])("in %s is %j", (json, key) => {
    expect(repeatedKey(json)).toBe(key);
  });

  it("is none in what JSON.stringify writes", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ stringUnit: "binary" }),
        (value) => repeatedKey(JSON.stringify(value, null, 1)) === undefined,
      ),
    );
  });
});
