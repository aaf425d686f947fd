import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { turnsFile } from "../../artifacts/artifact-file.ts";
import { recordingSchema } from "../../artifacts/recording.ts";
import type { RecordingSource } from "../../artifacts/run-config.ts";
import { UserError } from "../../core/user-error.ts";
import { isTurn, type JournalTrace, readJournal } from "./journal.ts";
import { linesOf, matches, objectOn, plainText } from "./json-lines.ts";

/** What a model wrote for one problem, from the prompt to its end, with the outputs it was given. */
export interface WholeTrace {
  kind: "whole";
  sample: number;
  text: string;
  finish: "stop" | "length";
}

export type RecordedTrace = WholeTrace | JournalTrace;

export interface RecordedProblem {
  statement: string; // without blanks at its ends
  traces: readonly RecordedTrace[]; // in the order candidates take them
}

export interface Recordings {
  problems: readonly RecordedProblem[];
  traces: number;
}

/**
 * Reads recordings: JSONL files of whole traces, turns.jsonl of an earlier run (recognised by its rows), or the run's
 * directory. Traces of a file are ordered by their sample, those of a later file follow.
 *
 * A bad line is a UserError with file, line and field. `note` is told what a user should know besides: of a torn last
 * line of a journal, and of traces that lack the text to skip to.
 */
export async function loadRecordings(
  sources: readonly RecordingSource[],
  note: (text: string) => void = () => {},
): Promise<Recordings> {
  const traces = new Map<string, RecordedTrace[]>();
  for (const source of sources) {
    const file = await fileOf(source.file);
    const read = (await isJournal(file))
      ? await readJournal(file, source.where, note)
      : await readTraces(file, source, note);
    for (const [statement, more] of read) {
      const key = statement.trim();
      traces.set(key, [...(traces.get(key) ?? []), ...more]);
    }
  }
  const problems = [...traces].map(([statement, list]) => ({ statement, traces: list }));
  return { problems, traces: problems.reduce((sum, problem) => sum + problem.traces.length, 0) };
}

/** A run directory stands for its journal. */
async function fileOf(path: string): Promise<string> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false, // reading it will say why
  );
  return isDirectory ? join(path, turnsFile.name) : path;
}

async function isJournal(file: string): Promise<boolean> {
  for await (const line of linesOf(file)) {
    const row = objectOn(line);
    return row ? isTurn(row) : basename(file) === turnsFile.name;
  }
  return false;
}

async function readTraces(file: string, source: RecordingSource, note: (text: string) => void) {
  const { where = {}, skipTo } = source;
  const { problem = "problem", sample = "sample", text = "text", finish = "finish" } = source.fields ?? {};
  const fields = { problem, sample, text, finish };
  const traces = new Map<string, WholeTrace[]>();
  const seen = Object.keys(where).map((field) => ({ field, values: new Set<string>() }));
  let rows = 0;
  let kept = 0;
  let unskipped = 0;

  for await (const line of linesOf(file)) {
    const row = objectOn(line);
    if (!row) throw badLine(file, line.number, "expected a JSON object");
    rows += 1;
    for (const { field, values } of seen) {
      const value = plainText(row, field);
      if (value !== undefined && values.size < 10) values.add(value);
    }
    if (!matches(row, where)) continue;

    const fieldOf = (field: string) => (Object.hasOwn(row, field) ? row[field] : undefined);
    const parsed = recordingSchema.safeParse({
      problem: fieldOf(fields.problem),
      sample: sampleNumber(fieldOf(fields.sample)),
      text: fieldOf(fields.text),
      finish: fieldOf(fields.finish) ?? undefined,
    });
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const field = fields[String(issue?.path[0]) as keyof typeof fields];
      throw badLine(file, line.number, `field ${field}: ${issue?.message}`);
    }
    const recording = parsed.data;
    if (recording.problem.trim() === "")
      throw badLine(file, line.number, `field ${fields.problem}: expected a statement`);
    const begin = skipTo === undefined ? 0 : recording.text.indexOf(skipTo);
    if (begin < 0) unskipped += 1;
    const list = traces.get(recording.problem) ?? [];
    list.push({
      kind: "whole",
      sample: recording.sample ?? list.length,
      text: begin < 0 || skipTo === undefined ? recording.text : recording.text.slice(begin + skipTo.length),
      finish: recording.finish,
    });
    traces.set(recording.problem, list);
    kept += 1;
  }

  if (kept === 0) throw nothingKept(file, rows, where, seen);
  for (const list of traces.values()) list.sort((a, b) => a.sample - b.sample); // stable: file order among equals
  if (unskipped > 0)
    note(`${file}: ${unskipped} of ${kept} traces have no ${JSON.stringify(skipTo)}; they are replayed whole.`);
  return traces;
}

/** Other people's files write a sample's number as a text, or leave it null. */
function sampleNumber(value: unknown): unknown {
  if (value === null) return undefined;
  return typeof value === "string" && /^\d+$/u.test(value) ? Number(value) : value;
}

function badLine(file: string, number: number, what: string): UserError {
  return new UserError(`${file}, line ${number}: ${what}.`, {
    hint: "Map the recording's field names with `fields: {problem, sample, text, finish}`, or mend the line.",
  });
}

function nothingKept(
  file: string,
  rows: number,
  where: Record<string, string>,
  seen: readonly { field: string; values: ReadonlySet<string> }[],
): UserError {
  if (rows === 0) return new UserError(`${file} holds no recording.`, { hint: "Name a file that has lines." });
  const wanted = Object.entries(where).map(([field, text]) => `${field} = ${text}`);
  const values = seen.map(({ field, values: [...some] }) =>
    some.length > 0 ? `${field} is there ${some.join(", ")}` : `no line has a field ${field}`,
  );
  return new UserError(`No line of ${file} has ${wanted.join(" and ")}.`, {
    hint: `Of its lines: ${values.join("; ")}.`,
  });
}
