import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { CsvError, type Options, parse } from "csv-parse";
import { UserError } from "../../core/user-error.ts";
import type { DataRow } from "./data-row.ts";

/** In characters. A record that long is an unclosed quote which swallows the rest of the file. */
const recordCharactersAtMost = 64 * 2 ** 20;

/**
 * Comma-separated values after RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180): a header line, quoted fields that may
 * span lines, LF or CRLF, with or without a byte order mark. Every value is text. A row's place is its first line.
 */
export async function* csvRows(path: string): AsyncGenerator<DataRow> {
  let line = 1; // where the next record may begin
  const options: Options<CsvRecord, RawRecord> = {
    bom: true,
    raw: true,
    relax_column_count: true, // checked below, with the line where the row begins
    skip_empty_lines: true,
    record_delimiter: ["\r\n", "\n"],
    max_record_size: recordCharactersAtMost,
    // Called as the parser goes, so that `line` is right for a fault in the next record too.
    on_record({ record, raw }) {
      const first = line + lineEnds(/^[\r\n]*/u.exec(raw)?.[0] ?? ""); // blank lines before it are part of `raw`
      line += lineEnds(raw);
      return { record, first };
    },
  };
  const parser = parse(options as unknown as Options); // its overloads do not know what `raw` makes of a record
  // What goes wrong destroys the parser with its error, which the loop below throws; the callback has nothing to add.
  pipeline(Readable.from(decodeUtf8(path)), parser, () => {});
  let header: string[] | undefined;
  try {
    for await (const { record, first } of parser as AsyncIterable<CsvRecord>) {
      if (!header) {
        header = checkHeader(record, path, first);
        continue;
      }
      if (record.length !== header.length) {
        throw new UserError(
          `${path}, line ${first}: expected ${header.length} fields, as the header has, found ${record.length}.`,
          { hint: 'A value that holds a comma, a quote or a line end stands in quotes, a quote in it as "".' },
        );
      }
      yield { place: `line ${first}`, values: Object.fromEntries(header.map((name, at) => [name, record[at]])) };
    }
  } catch (error) {
    if (error instanceof CsvError) throw describeFault(error, path, line);
    throw error;
  } finally {
    parser.destroy();
  }
}

/** A record as the parser gives it with its option `raw`. */
interface RawRecord {
  record: string[];
  raw: string;
}

interface CsvRecord {
  record: string[];
  first: number; // its first line
}

async function* decodeUtf8(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let line = 1;
  try {
    for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
      const text = decoder.decode(bytes, { stream: true });
      yield text;
      line += lineEnds(text);
    }
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(`${path}, at or after line ${line}: expected UTF-8 text, found other bytes.`, {
      hint: "Save the file as UTF-8 (in a spreadsheet: CSV UTF-8).",
      cause: error,
    });
  }
}

function lineEnds(text: string): number {
  // The parser gives `raw` with only the first character of the record's own CRLF.
  return text.match(/\r\n|\r|\n/gu)?.length ?? 0;
}

function checkHeader(header: string[], path: string, line: number): string[] {
  const other = header.length === 1 ? /[;\t|]/u.exec(header[0] ?? "")?.[0] : undefined;
  if (other !== undefined) {
    throw new UserError(`${path}, line ${line}: expected commas between the fields, found ${JSON.stringify(other)}.`, {
      hint: "Save the file with commas.",
    });
  }
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice === undefined) return header;
  throw new UserError(`${path}, line ${line}: the header names the field "${twice}" twice.`, {
    hint: "Give each column a name of its own.",
  });
}

function describeFault(error: CsvError, path: string, line: number): UserError {
  const [message, hint] = faults[error.code] ?? [error.message, "Check the quotes in this row."];
  return new UserError(`${path}, in the row that begins at or after line ${line}: ${message}.`, { hint, cause: error });
}

const quoteHint = 'A value that holds a quote stands in quotes itself, with each quote in it written as "".';
const faults: Record<string, [string, string]> = {
  CSV_QUOTE_NOT_CLOSED: ["a quote is opened and never closed", quoteHint],
  INVALID_OPENING_QUOTE: ["a quote stands in the middle of an unquoted value", quoteHint],
  CSV_INVALID_CLOSING_QUOTE: ["a quoted value goes on after its closing quote", quoteHint],
  CSV_MAX_RECORD_SIZE: ["the row is longer than 64 million characters", "Is a closing quote missing?"],
};
