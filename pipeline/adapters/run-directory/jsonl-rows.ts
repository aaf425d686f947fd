import type { ArtifactFile } from "../../artifacts/artifact-file.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import { type Line, readLines, textOf } from "../text-lines/read-lines.ts";
import { fileFault } from "./file-fault.ts";

/** The validated rows of a JSONL file, streamed. A bad row is a UserError with file, line, field and what was expected. */
export async function* readRows<Row>(path: string, file: ArtifactFile<Row>): AsyncGenerator<Row> {
  for await (const line of linesOf(path)) {
    if (textOf(line).trim() !== "") yield parseRow(path, line, file);
  }
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  try {
    yield* readLines(path);
  } catch (error) {
    throw fileFault("read", path, error);
  }
}

export function parseRow<Row>(path: string, line: Line, { schema }: ArtifactFile<Row>): Row {
  const where = `${path}, line ${line.number} (byte ${line.offset})`;
  let value: unknown;
  try {
    value = JSON.parse(textOf(line));
  } catch (error) {
    const torn = line.complete ? "" : " The last line is torn.";
    throw new UserError(`${where}: not JSON: ${excerpt(textOf(line))}${torn}`, {
      hint: "Each line must be one JSON object. Mend or remove the line.",
      cause: error,
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new UserError(`${where}: ${describeIssues(schema, result.error).join("; ")}`, {
    hint: "Mend the row; free data may stand under meta.",
  });
}

function excerpt(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
