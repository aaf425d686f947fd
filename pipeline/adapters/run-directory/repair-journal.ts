import type { Line } from "../text-lines/read-lines.ts";
import { writeDerived } from "./derived-file.ts";
import { faultyLines, type TakeRow } from "./journal-lines.ts";
import { linesOf } from "./jsonl-rows.ts";
import type { RunLock } from "./run-lock.ts";
import { type LineNote, setLinesAside, verbatim } from "./set-aside.ts";

/**
 * Sets aside each line of a journal that is not a row which follows those before it, and writes the journal anew
 * without them. Undefined where there is none. A crash in between leaves the journal as it was.
 */
export async function repairJournal(
  path: string,
  take: TakeRow,
  lock?: RunLock,
): Promise<{ name: string; notes: LineNote[] } | undefined> {
  const notes: LineNote[] = [];
  for await (const found of faultyLines(path, take)) {
    const { number, offset, bytes } = found.line;
    const reason = found.kind === "bad" ? found.reason : "torn";
    notes.push({ line: number, byte: offset, bytes: bytes.length, reason });
  }
  if (notes.length === 0) return undefined;
  const numbers = new Set(notes.map(({ line }) => line));
  const name = await setLinesAside(
    path,
    notes,
    linesWhere(path, (number) => numbers.has(number)),
    lock,
  );
  const kept = verbatim(linesWhere(path, (number) => !numbers.has(number)));
  await writeDerived(path, kept, { encoding: "latin1", lock });
  return { name, notes };
}

async function* linesWhere(path: string, isWanted: (number: number) => boolean): AsyncGenerator<Line> {
  for await (const line of linesOf(path)) if (isWanted(line.number)) yield line;
}
