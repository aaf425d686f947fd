import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../helpers/one-stage.ts", import.meta.url));

/** Runs a stage with a heap that holds the program and what is in flight, and a few MiB more. */
async function writtenBy(stage: string, candidates: number): Promise<number> {
  const limit = "--max-old-space-size=40";
  const { stdout, exitCode } = await execa(process.execPath, [limit, program, stage, String(candidates)], {
    reject: false,
  });
  expect(exitCode, `${stage} ran out of memory`).toBe(0);
  return Number(stdout);
}

// Candidates of four turns of 2.6 KB: 12,000 of them are 120 MB of text.
describe("a run of very many candidates fits into little memory", () => {
  it("when it is voted on", async () => {
    expect(await writtenBy("vote", 130_000)).toBe(3250);
  });

  it("when it is scored", async () => {
    expect(await writtenBy("score", 12_000)).toBe(300);
  });

  it("when it is resumed, with answers that are a part of long texts", async () => {
    expect(await writtenBy("resume", 12_000)).toBe(12_000);
  });

  it("when it is generated", async () => {
    expect(await writtenBy("generate", 5000)).toBe(5000);
  });
});
