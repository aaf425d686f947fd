import { createHash } from "node:crypto";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../adapters/dataset-files/temporary-folder.ts";

const models = fileURLToPath(new URL("../../models", import.meta.url));
const script = fileURLToPath(new URL("../../training/model_card.py", import.meta.url));
const folder = temporaryFolder();

const cards = readFileSync(join(models, "cards.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): { name: string; file: string; bytes: number; sha256: string } => JSON.parse(line));

describe("the tiny models", () => {
  it("are four, of at most 20 MB in all", () => {
    expect(cards.map(({ name }) => name)).toEqual(["tiny-cot", "tiny-tir-half", "tiny-tir", "tiny-kto"]);
    expect(cards.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(20_000_000);
  });

  it.each(cards)("have the bytes that their cards name: $name", ({ file, bytes, sha256 }) => {
    const content = readFileSync(join(models, file));
    expect([content.length, createHash("sha256").update(content).digest("hex")]).toEqual([bytes, sha256]);
  });

  it("have the page that is made from their cards", async () => {
    copyFileSync(join(models, "cards.jsonl"), join(folder.path, "cards.jsonl"));
    await execa("python3", [script, "render", folder.path]);
    expect(readFileSync(join(folder.path, "README.md"), "utf8")).toBe(readFileSync(join(models, "README.md"), "utf8"));
  });
});
