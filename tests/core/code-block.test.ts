import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countOutputBlocks, endsInPythonBlock, pythonBlocks } from "../../pipeline/core/code-block.ts";

describe("blocks of code in a text", () => {
  const pieces = fc.constantFrom(
    "```python",
    "```output",
    "```",
    "`",
    "``",
    "python",
    "\n",
    "x",
    "\ud83d",
    "\u{1f600}",
  );
  const texts = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(""));

  it("are those that the notebook's expressions find", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(pythonBlocks(text)).toEqual(Array.from(text.matchAll(/```python(.*?)```/gsu), ([, code]) => code));
        expect(countOutputBlocks(text)).toBe([...text.matchAll(/```output(.*?)```/gsu)].length);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["```python\nprint(1)\n```", true],
    ["```python\nprint(1)\n```  \n\n", true],
    ["```python\nprint(1)\n``` and more", false],
    ["```python\nprint(1)", false],
    ["```python\n1\n```\n```output\n1\n```", false],
    ["```", false],
  ])("end a text or not: %j", (text, ends) => {
    expect(endsInPythonBlock(text)).toBe(ends);
  });
});
