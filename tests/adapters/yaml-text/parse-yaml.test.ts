import { describe, expect, it } from "vitest";
import { parseYaml } from "../../../pipeline/adapters/yaml-text/parse-yaml.ts";

describe("parseYaml", () => {
  it.each([
    ["YAML", "a: [1, x]\nb: &n {c: null}\nd: *n", { a: [1, "x"], b: { c: null }, d: { c: null } }],
    ["JSON", '{"a": [1, "\\u2028"], "constructor": {"b": true}}', { a: [1, "\u2028"], constructor: { b: true } }],
    ["a byte order mark before it", "\ufeffa: 1", { a: 1 }],
    ["nothing", "", null],
  ])("reads %s", (_, text, value) => {
    expect(parseYaml(text, "file")).toEqual(value);
  });

  it.each([
    ["broken syntax, with its place", "a: 1\nb: [x\n", /^file: not valid YAML at line 3, column 1 /u],
    ["a key that stands twice", "a: 1\na: 2", /line 2, column 1 \(a: 2\): Map keys must be unique/u],
    ["a tag of another application", "a: !!js/function 'x'", /line 1, column 4 .*: Unresolved tag/u],
    [
      "aliases that multiply",
      `a: &a [x,x,x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(11)}]\nc: [${"*b,".repeat(11)}]`,
      /alias count/u,
    ],
    ["the key __proto__", "a: {__proto__: {b: 1}}", /line 1, column 5 .*: the key __proto__ is not allowed/u],
    ["several documents", "a: 1\n---\nb: 2", /multiple documents/u],
    ["a text without end", `a: ${"x".repeat(600_000)}`, /^file is larger than 512 KiB/u],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseYaml(text, "file")).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringMatching(message) }),
    );
  });
});
