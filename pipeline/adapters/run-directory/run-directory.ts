import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { ZodType } from "zod";
import { type ArtifactFile, manifestFile, summaryFile } from "../../artifacts/artifact-file.ts";
import { type Manifest, manifestSchema } from "../../artifacts/manifest.ts";
import { type Summary, summarySchema } from "../../artifacts/summary.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import type { RunStore } from "../../stages/ports.ts";
import { DamagedFile } from "./damaged-file.ts";
import { writeDerived } from "./derived-file.ts";
import { errorCode, fileFault, isGone } from "./file-fault.ts";
import { linesOf, readRowBatches, rowOn } from "./jsonl-rows.ts";
import type { RunLock } from "./run-lock.ts";

/** Which stage writes a file: what to run where it is missing. */
const writers: Record<string, string> = {
  "problems.jsonl": "load",
  "selected.jsonl": "filter",
  "rejected.jsonl": "filter",
  "turns.jsonl": "generate",
  "candidates.jsonl": "generate",
  "votes.jsonl": "vote",
  "verdicts.jsonl": "score",
};

/** A run's artifacts in a directory. With a lock, nothing is written once that is lost. */
export async function openRunDirectory(directory: string, lock?: RunLock): Promise<RunStore> {
  if (await isDirectory(directory)) return new RunDirectory(directory, lock);
  throw new UserError(`There is no run directory ${directory}.`, { hint: "`sctir run CONFIG --out DIR` makes one." });
}

/** Makes a run's directory, unless it is there. */
export async function createRunDirectory(directory: string): Promise<void> {
  await makeDirectory(resolve(directory)).catch((error: unknown) => {
    throw fileFault("create", directory, error);
  });
}

class RunDirectory implements RunStore {
  readonly directory: string;
  readonly #lock: RunLock | undefined;

  constructor(directory: string, lock: RunLock | undefined) {
    this.directory = directory;
    this.#lock = lock;
  }

  has({ name }: ArtifactFile<unknown>): Promise<boolean> {
    return exists(join(this.directory, name));
  }

  async *rows<Row>(file: ArtifactFile<Row>): AsyncGenerator<Row> {
    const path = join(this.directory, file.name);
    if (!(await exists(path))) {
      throw new UserError(`${path} is missing.`, {
        hint: `\`sctir ${writers[file.name] ?? "run"} ${this.directory}\` writes it.`,
      });
    }
    for await (const batch of readRowBatches(path, file)) {
      for (const row of batch) yield row;
    }
  }

  async linesOf<Row>(file: ArtifactFile<Row>, isMeant: (row: Row) => boolean): Promise<number[]> {
    const numbers: number[] = [];
    for await (const line of linesOf(join(this.directory, file.name))) {
      const read = rowOn(line, file);
      if (read.kind === "row" && isMeant(read.row)) numbers.push(line.number);
    }
    return numbers;
  }

  replace<Row>({ name, schema }: ArtifactFile<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Promise<number> {
    async function* lines() {
      for await (const row of rows) yield `${JSON.stringify(schema.parse(row))}\n`;
    }
    return this.#write(name, lines());
  }

  async readManifest(): Promise<Manifest | undefined> {
    return readDocument(join(this.directory, manifestFile), manifestSchema);
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await this.#write(manifestFile, [`${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`]);
  }

  async writeSummary(summary: Summary): Promise<void> {
    await this.#write(summaryFile, [`${JSON.stringify(summarySchema.parse(summary), null, 2)}\n`]);
  }

  #write(name: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<number> {
    return writeDerived(join(this.directory, name), pieces, { lock: this.#lock });
  }
}

/** A run's summary, if it has been scored. */
export async function readSummary(directory: string): Promise<Summary | undefined> {
  return readDocument(join(directory, summaryFile), summarySchema);
}

/** Undefined where there is none. */
async function readDocument<Value>(path: string, schema: ZodType<Value>): Promise<Value | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileFault("read", path, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DamagedFile(path, `${path}: not JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const message = `${path}: ${describeIssues(schema, result.error).slice(0, 5).join("; ")}`;
  // Not to be set aside: the version that wrote it can read it.
  if (isOfOtherFormat(value))
    throw new UserError(message, { hint: "It was written by another version of sctir. Use that." });
  throw new DamagedFile(path, message);
}

function isOfOtherFormat(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("formatVersion" in value)) return false;
  return typeof value.formatVersion === "number" && value.formatVersion !== 1;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw fileFault("read", path, error);
  }
}

/** Makes a directory and what leads to it. Node's own way never ends where a parent is there but takes no children. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (await isDirectory(path)) return;
    if (errorCode(error) !== "ENOENT" || (await isDirectory(dirname(path)))) throw error;
    await makeDirectory(dirname(path));
    await makeDirectory(path);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
