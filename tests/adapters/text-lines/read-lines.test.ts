import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readLineBatches, readLines, textOf } from "../../../pipeline/adapters/text-lines/read-lines.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const chunk = 1 << 18;

async function fileOf(content: string | Buffer): Promise<string> {
  const path = join(await temporaryFolder(), "lines.txt");
  await writeFile(path, content);
  return path;
}

async function linesOf(path: string): Promise<{ text: string; number: number; offset: number; complete: boolean }[]> {
  return Array.fromAsync(readLines(path), (line) => ({
    text: textOf(line),
    number: line.number,
    offset: line.offset,
    complete: line.complete,
  }));
}

describe("the lines of a file", () => {
  it.each([
    ["none", ""],
    ["one that is empty", "\n"],
    ["one without a newline", "abc"],
    ["empty ones among others", "\n\na\n\n"],
    ["a last one without a newline", "a\nb"],
    ["one that ends with a chunk", `${"x".repeat(chunk - 1)}\ny\n`],
    ["one whose newline begins a chunk", `${"x".repeat(chunk)}\ny\n`],
    ["one that a chunk ends within a character", `${"x".repeat(chunk - 1)}é\n`],
    ["one over many chunks", `a\n${"é".repeat(2 * chunk)}\nb`],
    ["separators that are no line ends", "a\u2028b\r\nc\u0085d\n"],
  ])("are given with number and place: %s", async (_, content) => {
    const texts = content.split("\n");
    const last = texts.pop() ?? "";
    const whole = [
      ...texts.map((text) => ({ text, complete: true })),
      ...(last ? [{ text: last, complete: false }] : []),
    ];
    let offset = 0;
    const expected = whole.map((line, index) => {
      const placed = { ...line, number: index + 1, offset };
      offset += Buffer.byteLength(line.text) + 1;
      return placed;
    });
    expect(await linesOf(await fileOf(content))).toEqual(expected);
  });

  it("come many at a time from small lines, and valid until the next batch", async () => {
    const path = await fileOf("a line\n".repeat(100_000));
    let batches = 0;
    let lines = 0;
    for await (const batch of readLineBatches(path)) {
      batches += 1;
      lines += batch.length;
      expect(batch.every((line) => textOf(line) === "a line")).toBe(true);
    }
    expect(lines).toBe(100_000);
    expect(batches).toBeLessThan(10);
  });

  it.skipIf(!existsSync("/proc/self/fd"))(
    "leave no file open, also where the reader stops early or throws",
    async () => {
      const path = await fileOf("a line\n".repeat(100_000));
      const openFiles = () => readdirSync("/proc/self/fd").length;
      const before = openFiles();
      for (let round = 0; round < 5; round += 1) {
        for await (const line of readLines(path)) if (line.number === 2) break;
        await Array.fromAsync(readLines(path), () => {
          throw new Error("enough");
        }).catch(() => {});
      }
      expect(openFiles()).toBeLessThanOrEqual(before + 1); // that of the folder itself
    },
  );
});
