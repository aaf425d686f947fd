import type { ArtifactFile } from "../../pipeline/artifacts/artifact-file.ts";
import type { Manifest } from "../../pipeline/artifacts/manifest.ts";
import { type Summary, summarySchema } from "../../pipeline/artifacts/summary.ts";
import { UserError } from "../../pipeline/core/user-error.ts";
import type { RunStore } from "../../pipeline/stages/ports.ts";

/** A run store that keeps rows in memory and checks them as a directory does. */
export class MemoryStore implements RunStore {
  readonly directory = "memory";
  summary: Summary | undefined;
  private readonly files = new Map<string, unknown[]>();
  private manifest: Manifest | undefined;

  /** Puts rows in place as another stage or tool would have left them. */
  with<Row>(file: ArtifactFile<Row>, rows: readonly Row[]): this {
    this.files.set(file.name, [...rows]);
    return this;
  }

  /** All rows of a file; none where it is absent. */
  read<Row>(file: ArtifactFile<Row>): Row[] {
    return (this.files.get(file.name) ?? []).map((row) => file.schema.parse(row));
  }

  has(file: ArtifactFile<unknown>): Promise<boolean> {
    return Promise.resolve(this.files.has(file.name));
  }

  async *rows<Row>(file: ArtifactFile<Row>): AsyncIterable<Row> {
    if (!this.files.has(file.name)) throw new UserError(`There is no ${file.name}.`);
    yield* this.read(file);
  }

  async replace<Row>(file: ArtifactFile<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Promise<number> {
    const written: Row[] = [];
    for await (const row of rows) written.push(file.schema.parse(row));
    this.files.set(file.name, written);
    return written.length;
  }

  readManifest(): Promise<Manifest | undefined> {
    return Promise.resolve(this.manifest);
  }

  writeManifest(manifest: Manifest): Promise<void> {
    this.manifest = manifest;
    return Promise.resolve();
  }

  writeSummary(summary: Summary): Promise<void> {
    this.summary = summarySchema.parse(summary);
    return Promise.resolve();
  }
}
