import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openTurnJournal } from "../../../pipeline/adapters/run-directory/turn-journal.ts";
import type { Turn } from "../../../pipeline/artifacts/turn.ts";
import { turn as turnOf } from "../../helpers/run-rows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

async function reopened(path: string): Promise<{ rows: Turn[]; tornBytes: number }> {
  const rows: Turn[] = [];
  let tornBytes = 0;
  const journal = await openTurnJournal(
    path,
    (row) => rows.push(row),
    (bytes) => {
      tornBytes = bytes;
    },
  );
  await journal.close();
  return { rows, tornBytes };
}

describe("the journal", () => {
  it("holds each row once it was appended, in order, whatever its text", async () => {
    const path = join(await temporaryFolder(), "turns.jsonl");
    const journal = await openTurnJournal(
      path,
      () => {},
      () => {},
    );
    const written = Array.from({ length: 50 }, (_, turn) => turnOf("set/a", 0, `line\n\u2028"${turn}" 𝔸`, { turn }));
    await Promise.all(written.map((row) => journal.append(row)));
    expect((await readFile(path, "utf8")).split("\n")).toHaveLength(51);
    await journal.close();
    expect((await reopened(path)).rows).toEqual(written);
  });

  it("cuts a torn last line off, reports it, and goes on cleanly", async () => {
    const path = join(await temporaryFolder(), "turns.jsonl");
    await writeFile(path, `${JSON.stringify(turnOf("set/a", 0, "text", { turn: 0 }))}\n{"problemId":"set/a","rep`);
    const { rows, tornBytes } = await reopened(path);
    expect(rows).toHaveLength(1);
    expect(tornBytes).toBe('{"problemId":"set/a","rep'.length);
    await appendFile(path, `${JSON.stringify(turnOf("set/a", 0, "text", { turn: 1 }))}\n`);
    expect((await reopened(path)).rows.map(({ turn }) => turn)).toEqual([0, 1]);
  });

  it("names file, line, byte and field of a bad row, and does not skip it", async () => {
    const path = join(await temporaryFolder(), "turns.jsonl");
    const good = `${JSON.stringify(turnOf("set/a", 0, "text", { turn: 0 }))}\n`;
    await writeFile(path, `${good}{"torn":\n${good}`);
    await expect(reopened(path)).rejects.toThrow(`${path}, line 2 (byte ${good.length}): not JSON`);
    await writeFile(path, `${good}${JSON.stringify({ ...turnOf("set/a", 0, "text", { turn: 1 }), seed: "x" })}\n`);
    await expect(reopened(path)).rejects.toThrow(/line 2 .*seed: .*number/u);
    await writeFile(path, `${JSON.stringify({ ...turnOf("set/a", 0, "text", { turn: 1 }), txet: "x" })}\n`);
    await expect(reopened(path)).rejects.toThrow(/txet: unknown key, did you mean text\?/u);
  });
});
