import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../../core/user-error.ts";
import { type DataRow, isRecord, NumberText } from "./data-row.ts";
import { pythonFloatText } from "./python-number-text.ts";

/** A column, or a field within one. */
type SchemaNode = ReturnType<typeof parquetSchema>;

/** Apache Parquet with any of its compressions, one row group in memory at a time. Doubles are written as Python would. */
export async function* parquetRows(path: string): AsyncGenerator<DataRow> {
  const file = await reading(path, () => openFile(path));
  const metadata = await reading(path, () => parquetMetadataAsync(file));
  const schema = await reading(path, async () => checkedSchema(metadata, file.byteLength));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await reading(path, () =>
      parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd, geoparquet: false }),
    );
    if (rows.length !== rowEnd - rowStart) {
      throw broken(path, `its rows ${rowStart + 1} to ${rowEnd} are incomplete`);
    }
    for (const [at, row] of rows.entries()) {
      const place = `row ${rowStart + at + 1}`;
      yield { place, values: await reading(path, async () => withNumberTexts({ ...row }, schema)) };
    }
    rowStart = rowEnd;
  }
}

/**
 * The file as the library reads it. It asks for many parts at once, and forgets those that it asked for before one for
 * which it fails: what goes wrong with them is nobody's then, which must not end this process.
 */
async function openFile(path: string): Promise<AsyncBuffer> {
  const { byteLength, slice } = await asyncBufferFromFile(path);
  return {
    byteLength,
    slice(start, end) {
      const part = Promise.resolve().then(() => slice(start, end));
      part.catch(() => {});
      return part;
    },
  };
}

/** The longest run of rows that a byte of a problem file stands for, packed as it may be. */
const rowsPerByte = 4;

/**
 * The schema, of metadata that fit it and the file. The library takes them as they are: it makes room for as many rows
 * as they promise, and of columns that are not in the schema it reads some and forgets them, faults and all.
 */
function checkedSchema(metadata: FileMetaData, bytes: number): SchemaNode {
  const schema = parquetSchema(metadata);
  const names = leafPaths(schema);
  for (const { num_rows, columns } of metadata.row_groups) {
    if (!(num_rows >= 0 && num_rows <= rowsPerByte * bytes)) throw new Error(`it cannot hold ${num_rows} rows`);
    const found = columns.map(({ meta_data }) => JSON.stringify(meta_data?.path_in_schema));
    if (found.some((name) => !names.has(name))) throw new Error("its columns are not those of its schema");
  }
  return schema;
}

function leafPaths({ path, children }: SchemaNode): Set<string> {
  if (children.length === 0) return new Set([JSON.stringify(path)]);
  return new Set(children.flatMap((child) => [...leafPaths(child)]));
}

/** Runs a step of the library. Its errors are about the file's bytes; those of the file system keep their code. */
async function reading<Value>(path: string, step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw error;
    // The library stumbles over some damage with an error of the language, whose message is about its own code.
    const isTold = error instanceof Error && error.constructor === Error;
    throw broken(path, isTold ? error.message.replace(/\.$/u, "") : "what it says of its contents cannot be", error);
  }
}

function broken(path: string, fault: string, cause?: unknown): UserError {
  return new UserError(`${path} cannot be read as a parquet file: ${fault}.`, {
    hint: "The file is damaged or incomplete. Copy or download it again.",
    cause,
  });
}

function withNumberTexts(values: Record<string, unknown>, schema: SchemaNode): Record<string, unknown> {
  const nodes = new Map(schema.children.map((child) => [child.element.name, child]));
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, withNumberText(value, nodes.get(name))]),
  );
}

function withNumberText(value: unknown, node: SchemaNode | undefined): unknown {
  if (typeof value === "bigint") return new NumberText(String(value));
  if (!node) return value; // within a list or a map, where nothing is looked up
  if (typeof value === "number") return numberText(value, node.element);
  return isRecord(value) ? withNumberTexts(value, node) : value;
}

/** The number's text, or the bare number where that is not the one in the file. */
function numberText(value: number, { type, converted_type, scale = 0 }: SchemaNode["element"]): NumberText | number {
  if (converted_type === "DECIMAL") {
    // The library makes a double of it, which is exact only up to 2^53 units of the last place.
    return Math.abs(value) * 10 ** scale <= Number.MAX_SAFE_INTEGER ? new NumberText(value.toFixed(scale)) : value;
  }
  return new NumberText(type === "INT32" || type === "INT64" ? String(value) : pythonFloatText(value));
}
