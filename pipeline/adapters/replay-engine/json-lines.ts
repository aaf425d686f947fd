import { createReadStream } from "node:fs";
import { UserError } from "../../core/user-error.ts";

/** A line of a file, with its number as an editor counts it. */
export interface Line {
  number: number;
  text: string;
  /** No line end follows: whoever wrote the file may have been stopped within this line. */
  unterminated: boolean;
}

/** The lines of a file that are not blank. A file that cannot be read is a UserError. */
export async function* linesOf(file: string): AsyncGenerator<Line> {
  // Not node:readline: it takes U+2028, which JSON texts may hold, for a line end.
  let number = 0;
  let pending = "";
  try {
    for await (const chunk of createReadStream(file, { encoding: "utf8" })) {
      pending += chunk;
      const lines = pending.split("\n");
      pending = lines.pop() ?? "";
      for (const text of lines) {
        number += 1;
        if (text.trim() !== "") yield { number, text: withoutByteOrderMark(text, number), unterminated: false };
      }
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (pending.trim() !== "") {
    number += 1;
    yield { number, text: withoutByteOrderMark(pending, number), unterminated: true };
  }
}

function withoutByteOrderMark(text: string, number: number): string {
  return number === 1 ? text.replace(/^\uFEFF/u, "") : text;
}

function unreadable(file: string, error: unknown): unknown {
  if (error instanceof UserError || !(error instanceof Error) || !("code" in error)) return error;
  const missing = error.code === "ENOENT";
  return new UserError(missing ? `There is no recording ${file}.` : `${file} cannot be read: ${error.message}.`, {
    hint: "A recording is a .jsonl file of whole traces, or the turns.jsonl of an earlier run.",
    cause: error,
  });
}

/** The JSON object on a line, or undefined where it is not one. */
export function objectOn(line: Line): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line.text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a row's fields have these texts; numbers and truth values compare by how JSON writes them. */
export function matches(row: Record<string, unknown>, where: Record<string, string>): boolean {
  return Object.entries(where).every(([field, text]) => field in row && String(row[field]) === text);
}
