import { isUtf8 } from "node:buffer";
import { UserError } from "../../core/user-error.ts";
import { readLines, textOf } from "../text-lines/read-lines.ts";

/** The lines of a file that are not blank. A file that cannot be read is a UserError. */
export async function* linesOf(file: string): AsyncGenerator<{ number: number; text: string; complete: boolean }> {
  try {
    for await (const line of readLines(file)) {
      if (line.complete && !isUtf8(line.bytes)) {
        throw new UserError(`${file}, line ${line.number}: expected UTF-8 text, found other bytes.`, {
          hint: "Save the file as UTF-8, or take the line out.",
        });
      }
      const text = textOf(line);
      if (text.trim() !== "") yield { number: line.number, text, complete: line.complete };
    }
  } catch (error) {
    throw unreadable(file, error);
  }
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
export function objectOn(line: { text: string }): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line.text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a row's fields have these texts; numbers and truth values compare by how JSON writes them. */
export function matches(row: Record<string, unknown>, where: Record<string, string>): boolean {
  return Object.entries(where).every(([field, text]) => plainText(row, field) === text);
}

/** The text of a row's own field; undefined where there is none, or a list or an object. */
export function plainText(row: Record<string, unknown>, field: string): string | undefined {
  const value = Object.hasOwn(row, field) ? row[field] : {};
  return typeof value === "object" && value !== null ? undefined : String(value);
}
