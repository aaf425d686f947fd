import { isUtf8 } from "node:buffer";
import type { ArtifactFile } from "../../artifacts/artifact-file.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import { type Line, readLineBatches, textOf } from "../text-lines/read-lines.ts";
import { BadLines } from "./bad-lines.ts";
import { fileFault } from "./file-fault.ts";

/**
 * The validated rows of a JSONL file, streamed, many at a time. After a bad one no more are given; at the end a DamagedFile
 * tells how many there are, with line, field and what was expected. Blank lines are nothing: people write such files, too.
 */
export async function* readRowBatches<Row>(path: string, file: ArtifactFile<Row>): AsyncGenerator<Row[]> {
  const bad = new BadLines(path);
  for await (const lines of lineBatchesOf(path)) {
    const rows: Row[] = [];
    for (const line of lines) {
      const read = rowOn(line, file);
      if (read.kind === "bad") bad.add(line, read.reason);
      else if (read.kind === "row" && bad.isEmpty) rows.push(read.row);
    }
    yield rows;
  }
  bad.check();
}

/** The lines of a file, many at a time, as each wait costs a part of a row's time; a file that cannot be read is a UserError. */
export async function* lineBatchesOf(path: string): AsyncGenerator<Line[]> {
  try {
    yield* readLineBatches(path);
  } catch (error) {
    throw fileFault("read", path, error);
  }
}

export async function* linesOf(path: string): AsyncGenerator<Line> {
  for await (const batch of lineBatchesOf(path)) yield* batch;
}

/** What stands on a line. */
export type RowRead<Row> = { kind: "row"; row: Row } | { kind: "blank" } | { kind: "bad"; reason: string };

export function rowOn<Row>(line: Line, { schema }: ArtifactFile<Row>): RowRead<Row> {
  const text = textOf(line);
  if (text.includes("\uFFFD") && !isUtf8(line.bytes)) return { kind: "bad", reason: "not UTF-8" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (text.trim() === "") return { kind: "blank" };
    return { kind: "bad", reason: `not JSON: ${excerpt(text)}${line.complete ? "" : " The last line is torn."}` };
  }
  const result = schema.safeParse(value);
  if (result.success) return { kind: "row", row: result.data };
  return { kind: "bad", reason: describeIssues(schema, result.error).slice(0, 5).join("; ") };
}

function excerpt(text: string): string {
  if (text.includes("\0")) return "NUL bytes, which a power cut can leave";
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
