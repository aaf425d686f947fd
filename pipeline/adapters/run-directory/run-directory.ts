import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type ArtifactFile, manifestFile, summaryFile } from "../../artifacts/artifact-file.ts";
import { type Manifest, manifestSchema } from "../../artifacts/manifest.ts";
import { type Summary, summarySchema } from "../../artifacts/summary.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import type { RunStore } from "../../stages/ports.ts";
import { writeDerived } from "./derived-file.ts";
import { fileFault } from "./file-fault.ts";
import { readRows } from "./jsonl-rows.ts";

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

/** A run's artifacts in a directory, which is made if `create` is given. */
export async function openRunDirectory(directory: string, { create = false } = {}): Promise<RunStore> {
  if (create) {
    await makeDirectory(resolve(directory)).catch((error: unknown) => {
      throw fileFault("create", directory, error);
    });
  } else if (!(await isDirectory(directory))) {
    throw new UserError(`There is no run directory ${directory}.`, {
      hint: "`sctir run CONFIG --out DIR` makes one.",
    });
  }
  return new RunDirectory(directory);
}

class RunDirectory implements RunStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
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
    yield* readRows(path, file);
  }

  replace<Row>({ name, schema }: ArtifactFile<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Promise<number> {
    async function* lines() {
      for await (const row of rows) yield `${JSON.stringify(schema.parse(row))}\n`;
    }
    return writeDerived(join(this.directory, name), lines());
  }

  async readManifest(): Promise<Manifest | undefined> {
    const path = join(this.directory, manifestFile);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw fileFault("read", path, error);
    }
    return parseDocument(path, text, manifestSchema);
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    const text = `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`;
    await writeDerived(join(this.directory, manifestFile), [text]);
  }

  async writeSummary(summary: Summary): Promise<void> {
    await writeDerived(join(this.directory, summaryFile), [
      `${JSON.stringify(summarySchema.parse(summary), null, 2)}\n`,
    ]);
  }
}

/** A run's summary, if it has been scored. */
export async function readSummary(directory: string): Promise<Summary | undefined> {
  const path = join(directory, summaryFile);
  if (!(await exists(path))) return undefined;
  return parseDocument(path, await readFile(path, "utf8"), summarySchema);
}

function parseDocument<Value>(path: string, text: string, schema: import("zod").ZodType<Value>): Value {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: not JSON: ${error instanceof Error ? error.message : error}`, {
      hint: "The file was changed by hand or damaged. Restore it, or start the run in a new directory.",
      cause: error,
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new UserError(`${path}: ${describeIssues(schema, result.error).slice(0, 5).join("; ")}`, {
    hint: "Was it written by another version of sctir?",
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Makes a directory and what leads to it. Node's own way never ends where a parent is there but takes no children. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (await isDirectory(path)) return;
    const lacksParent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!lacksParent || (await isDirectory(dirname(path)))) throw error;
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
