import { type FieldMapping, fieldMappingSchema, type KeyRule } from "../../artifacts/dataset-card.ts";
import type { Problem } from "../../artifacts/problem.ts";
import { nearestName } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import { dataRows, fileSha256 } from "./data-file.ts";
import { type DataRow, excerpt, fieldOf, kindOf, textOf } from "./data-row.ts";
import { missingField } from "./missing-field.ts";
import { type CompiledRule, compileKeyRule, problemKey } from "./problem-key.ts";

/** In UTF-16 units. The longest statement of the known sets has under 3,000. */
const statementCharactersAtMost = 200_000;

/** A mapping in part; what it leaves out takes its default. */
export type FieldChoice = { [Part in keyof FieldMapping]?: FieldMapping[Part] | undefined };

/** A data file, and how its rows become problems of a set. */
export interface ProblemFileSource {
  set: string;
  path: string;
  /** The name that tells the format, where the path's own does not. */
  fileName?: string;
  fields?: FieldChoice | undefined;
  key?: KeyRule | undefined;
  where?: Readonly<Record<string, string>> | undefined;
}

export interface ProblemFile {
  problems: Problem[]; // in file order
  rows: number; // in the file, whatever `where` keeps
  sha256: string; // of the file
  notes: string[]; // what a user may want to know of, sentence by sentence
}

/**
 * Reads a data file (.jsonl, .csv or .parquet). Statement and gold answer stay as published, to the character: a JSON
 * number keeps its spelling, a parquet double is written as Python would.
 *
 * Throws a UserError that names file and line (or row) for anything that is not as the mapping expects, for two rows
 * with one id, and for a file that yields no problem at all: a run over nothing must not look like a result.
 */
export async function readProblems(source: ProblemFileSource): Promise<ProblemFile> {
  const { set, path } = source;
  const fields = fieldMappingSchema.parse(source.fields ?? {});
  const rule = source.key && compileKeyRule(source.key);
  const problems: Problem[] = [];
  const placeOfKey = new Map<string, string>();
  const optional = new OptionalFields(fields);
  const filter = new RowFilter(source.where ?? {});
  let rows = 0;
  for await (const row of dataRows(path, source.fileName)) {
    rows += 1;
    if (!filter.passes(row)) continue;
    const { problem, madeFrom } = toProblem(row, set, fields, rule, path);
    const earlier = placeOfKey.get(problem.problemId);
    if (earlier) {
      if (madeFrom === "statement") throw sameStatement(path, earlier, row.place);
      throw await sameId(source, fields, problem.problemId.slice(set.length + 1), earlier, row.place);
    }
    placeOfKey.set(problem.problemId, row.place);
    problems.push(problem);
    optional.look(row);
  }
  if (rows === 0) throw new UserError(`${path} holds no rows.`, { hint: "Copy or download it again." });
  if (problems.length === 0) throw filter.nothingPassed(path);
  return { problems, rows, sha256: await fileSha256(path), notes: optional.notes(path) };
}

interface NamedProblem {
  problem: Problem;
  madeFrom: ReturnType<typeof problemKey>["madeFrom"];
}

function toProblem(
  row: DataRow,
  set: string,
  fields: FieldMapping,
  rule: CompiledRule | undefined,
  path: string,
): NamedProblem {
  const statement = statementOf(row, fields.statement, path);
  const { key, madeFrom } = problemKey(row, statement, fields, rule, path);
  const gold = goldOf(row, fields.gold, path);
  const level = fields.level === undefined ? undefined : textOf(fieldOf(row.values, fields.level));
  const url = fields.url === undefined ? undefined : textOf(fieldOf(row.values, fields.url));
  const problem = {
    problemId: `${set}/${key}`,
    set,
    statement,
    gold,
    ...(level !== undefined && { level }),
    ...(url !== undefined && { url }),
  };
  return { problem, madeFrom };
}

function statementOf(row: DataRow, field: string, path: string): string {
  const value = fieldOf(row.values, field);
  if (value === undefined) throw missingField(row, field, "statement", path);
  const place = `${path}, ${row.place}`;
  const mend = "Mend or remove that row, or name the right field in the config: fields: {statement: NAME}.";
  if (typeof value !== "string") {
    throw new UserError(`${place}: "${field}" is the statement; expected text, found ${kindOf(value)}.`, {
      hint: mend,
    });
  }
  if (value.trim() === "") throw new UserError(`${place}: the statement in "${field}" is empty.`, { hint: mend });
  if (value.length > statementCharactersAtMost) {
    throw new UserError(
      `${place}: the statement in "${field}" has ${value.length} characters; at most ${statementCharactersAtMost} are allowed.`,
      { hint: mend },
    );
  }
  if (!value.isWellFormed()) {
    throw new UserError(`${place}: the statement in "${field}" holds half a character (a lone surrogate).`, {
      hint: mend,
    });
  }
  return value;
}

function goldOf(row: DataRow, field: string, path: string): string {
  const value = fieldOf(row.values, field);
  if (value === undefined) throw missingField(row, field, "gold", path);
  const text = textOf(value);
  if (text?.isWellFormed()) return text;
  const found = text === undefined ? kindOf(value) : "half a character (a lone surrogate)";
  throw new UserError(
    `${path}, ${row.place}: "${field}" is the gold answer; expected text or a number, found ${found}.`,
    {
      hint: "Mend or remove that row, or name the right field in the config: fields: {gold: NAME}.",
    },
  );
}

/** The `where` of a source. It remembers what it saw, to say why nothing passed. */
class RowFilter {
  readonly #where: readonly [field: string, expected: string][];
  readonly #seen = new Map<string, Set<string>>(); // a few texts of each field
  #firstRow: DataRow | undefined;

  constructor(where: Readonly<Record<string, string>>) {
    this.#where = Object.entries(where);
  }

  passes(row: DataRow): boolean {
    this.#firstRow ??= row;
    let passes = true;
    for (const [field, expected] of this.#where) {
      const value = fieldOf(row.values, field);
      const text = textOf(value) ?? (typeof value === "boolean" ? String(value) : undefined);
      if (text !== expected) passes = false;
      if (value === undefined) continue;
      const texts = this.#seen.get(field) ?? new Set();
      this.#seen.set(field, texts);
      if (text !== undefined && texts.size < textsShown) texts.add(text);
    }
    return passes;
  }

  /** The error for a file of which no row passed. */
  nothingPassed(path: string): UserError {
    const unseen = this.#where.find(([field]) => !this.#seen.has(field));
    if (unseen && this.#firstRow) return missingField(this.#firstRow, unseen[0], "where", path);
    const wanted = this.#where.map(([field, expected]) => `${field} = ${excerpt(expected)}`).join(" and ");
    const found = [...this.#seen].map(([field, texts]) => {
      const shown = [...texts].map(excerpt).join(", ");
      return `${field} has ${shown || "no text or number"}${texts.size < textsShown ? "" : ", …"}`;
    });
    return new UserError(`${path} has no row with ${wanted}.`, { hint: `There, ${found.join("; ")}.` });
  }
}

const textsShown = 8;

function sameStatement(path: string, first: string, second: string): UserError {
  return new UserError(`${path}: ${first} and ${second} have the same statement, and nothing else tells them apart.`, {
    hint: "Remove one of them, or add a unique field and name it in the config: fields: {id: NAME}.",
  });
}

async function sameId(source: ProblemFileSource, fields: FieldMapping, key: string, first: string, second: string) {
  const others = (await uniqueFields(source)).filter((name) => name !== fields.statement && name !== fields.gold);
  const [other] = others;
  return new UserError(
    `${source.path}: ${first} and ${second} have the same ${fields.id ?? "id"}, ${JSON.stringify(key)}.`,
    {
      hint: other
        ? `Name the rows by a field that is unique, such as ${other}, in the config: fields: {id: ${other}}.`
        : "Name the rows by a field that is unique in the config (fields: {id: NAME}), or remove one of the two rows.",
    },
  );
}

/** The top-level fields whose texts are all there and all different, for a hint. */
async function uniqueFields({ path, fileName }: ProblemFileSource): Promise<string[]> {
  let texts: Map<string, Set<string>> | undefined;
  for await (const { values } of dataRows(path, fileName)) {
    texts ??= new Map(Object.keys(values).map((name) => [name, new Set()]));
    for (const [name, seen] of texts) {
      const text = textOf(values[name]);
      if (text === undefined || text === "" || text.length > 200 || seen.has(text)) texts.delete(name);
      else seen.add(text);
    }
  }
  return [...(texts?.keys() ?? [])];
}

/** Mapped fields that a file may lack. One that no row has is worth a note where a similar name hints at a slip. */
class OptionalFields {
  readonly #missing: Set<string>;
  #names: string[] = []; // of the first row

  constructor({ level, url }: FieldMapping) {
    this.#missing = new Set([level, url].filter((name) => name !== undefined));
  }

  look({ values }: DataRow): void {
    if (this.#names.length === 0) this.#names = Object.keys(values);
    for (const name of this.#missing) if (fieldOf(values, name) !== undefined) this.#missing.delete(name);
  }

  notes(path: string): string[] {
    return [...this.#missing].flatMap((name) => {
      const nearest = nearestName(name, this.#names);
      return nearest ? [`${path}: no row has the field "${name}"; did you mean "${nearest}"?`] : [];
    });
  }
}
