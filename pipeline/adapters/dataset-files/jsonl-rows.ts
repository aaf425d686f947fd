import { UserError } from "../../core/user-error.ts";
import { readLines } from "../text-lines/read-lines.ts";
import { repeatedKey } from "../text-lines/repeated-key.ts";
import { type DataRow, excerpt, isRecord, kindOf, NumberText } from "./data-row.ts";

/** A longer line is refused before it fills the memory. Solutions beside a statement can be long, but not this long. */
const lineMebibytesAtMost = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true }); // takes a byte order mark off

/** JSON lines: one object per line, UTF-8, blank lines ignored. A torn last line is an error: a data file is no journal. */
export async function* jsonlRows(path: string): AsyncGenerator<DataRow> {
  const limit = { bytesAtMost: lineMebibytesAtMost * 2 ** 20, tooLong: (line: number) => tooLong(path, line) };
  for await (const { bytes, number, complete: terminated } of readLines(path, limit)) {
    const place = `line ${number}`;
    const text = decode(bytes, path, place);
    if (text.trim() !== "") yield parseRow(text, { path, place, number, terminated });
  }
}

function tooLong(path: string, number: number): never {
  throw new UserError(`${path}, line ${number}: the line is longer than ${lineMebibytesAtMost} MiB.`, {
    hint: "A .jsonl file has one problem per line. Is this file another format, or are its line ends missing?",
  });
}

function decode(bytes: Uint8Array, path: string, place: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new UserError(`${path}, ${place}: expected UTF-8 text, found other bytes.`, {
      hint: "Save the file as UTF-8.",
      cause: error,
    });
  }
}

interface RowPlace {
  path: string;
  place: string;
  number: number;
  terminated: boolean;
}

function parseRow(text: string, { path, place, number, terminated }: RowPlace): DataRow {
  let values: unknown;
  try {
    values = parseJson(text);
  } catch (error) {
    const startsArray = number === 1 && text.trimStart().startsWith("[");
    const startsPretty = number === 1 && text.trim() === "{";
    throw new UserError(`${path}, ${place}: expected a JSON object on one line, found ${jsonFault(error)}.`, {
      hint: startsArray
        ? arrayHint
        : startsPretty
          ? "The file seems to hold one object over several lines; write each object on a single line."
          : terminated
            ? "Mend or remove that line."
            : "The last line is cut off, so the file is incomplete. Copy or download it again.",
      cause: error,
    });
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) {
    throw new UserError(`${path}, ${place}: the key ${excerpt(twice)} stands there twice.`, {
      hint: "Nothing tells which of its values is meant. Remove one of them.",
    });
  }
  if (!isRecord(values)) {
    throw new UserError(`${path}, ${place}: expected a JSON object, found ${kindOf(values)}.`, {
      hint: Array.isArray(values) ? arrayHint : 'A row looks like {"id": "1", "problem": "…", "answer": "42"}.',
    });
  }
  return { place, values };
}

const arrayHint =
  "The file seems to hold one JSON array. Write one object per line, for example with: jq -c '.[]' FILE > FILE.jsonl";

function jsonFault(error: unknown): string {
  if (error instanceof RangeError) return "values nested too deeply";
  const message = error instanceof Error ? error.message : String(error);
  // V8 quotes the text around the fault, which may be long and ends in a phrase of its own.
  return `a fault in it (${message.replace(/, "?[\s\S]*"? is not valid JSON$/u, "").replace(/ in JSON at/u, " at")})`;
}

/** JSON with each number kept as the text it is written as; `JSON.parse` alone makes 142 of `142.0`. */
function parseJson(text: string): unknown {
  // The reviver's third argument is not in TypeScript's library yet: https://github.com/tc39/proposal-json-parse-with-source
  const revive = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}
