/** A number as its file spells it: `142.0`, or an integer that no JavaScript number holds. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One row of a data file. `place` says where it stands, for errors: `line 3`, or `row 3` of a file without lines. */
export interface DataRow {
  place: string;
  values: Record<string, unknown>; // numbers as NumberText
}

/** Reads a file of some format. Throws a UserError that names file and place for what it cannot read. */
export type RowReader = (path: string) => AsyncIterable<DataRow>;

/** The value at a field path, `undefined` where there is none. A field whose own name has dots comes before nesting. */
export function fieldOf(values: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(values, path)) return values[path];
  for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
    const outer = path.slice(0, dot);
    if (!Object.hasOwn(values, outer)) continue;
    const nested = values[outer];
    const value = isRecord(nested) ? fieldOf(nested, path.slice(dot + 1)) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The field paths a row offers, nested ones by dots, down to a level that a person would name. */
export function fieldPaths(values: Record<string, unknown>, levels = 8): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    isRecord(value) && levels > 1 ? fieldPaths(value, levels - 1).map((inner) => `${name}.${inner}`) : [name],
  );
}

/** A text or a number as it is written in the file; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof NumberText ? value.text : undefined;
}

/** A text to be shown in an error, in quotes. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** What a value is, in a reader's words. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return "text";
  if (value instanceof NumberText) return "a number";
  if (typeof value === "number") return "a decimal too large to be read exactly";
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  return value instanceof Uint8Array ? "bytes" : "an object";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
