import { type ArtifactFile, summaryFile, turnsFile } from "../artifacts/artifact-file.ts";
import { type Summary, summarySchema } from "../artifacts/summary.ts";
import { countValues, shownDifferences } from "../core/differences.ts";
import type { CheckList } from "../core/verification.ts";
import type { ArtifactLine, ArtifactReader, LinePlace, ReadFault } from "./artifact-reader.ts";
import type { RunStore } from "./ports.ts";

interface VerifyingStoreOptions {
  /** What a file's rows and faults are counted under. */
  checks: CheckList;
  /** The files that are there. */
  present: ReadonlySet<string>;
  /** Whether the run says that it has written a file. */
  isDue: (file: string) => boolean;
  /** Whether rows are to be equal byte for byte, as sctir writes them, or in content only. */
  isExact: boolean;
  /** Another version wrote the summary. What is missing from it may not have been known then. */
  isOtherTool: boolean;
}

/** A row that is to be in a file. */
export interface ExpectedRow {
  key: string;
  text: string; // as sctir writes it
}

export function expectedRow<Row>({ schema }: ArtifactFile<Row>, row: Row): ExpectedRow {
  const parsed = schema.parse(row);
  return { key: rowKey(parsed as Keyed), text: JSON.stringify(parsed) };
}

type Keyed = { problemId: string } & Partial<Record<"replicate" | "candidate" | "turn", number>>;

/** A text that is equal exactly for rows of which a file holds one. */
export function rowKey({ problemId, replicate, candidate, turn }: Keyed): string {
  return [problemId, replicate, candidate, turn].filter((part) => part !== undefined).join(":");
}

/**
 * A run store for stages that are run once more: what they would write is compared with what is there, and nothing is
 * written. They read what follows from earlier files, so that one wrong row is one fault, and not one in every later file.
 */
export class VerifyingStore implements RunStore {
  readonly directory = "";
  /** Rows in the files that have been read, by name; bad ones too. */
  readonly counts = new Map<string, number>();
  readonly #artifacts: ArtifactReader;
  readonly #options: VerifyingStoreOptions;
  readonly #derived = new Map<string, () => Iterable<string>>();
  readonly #corrected = new Map<string, Map<number, string | undefined>>(); // lines by file
  readonly #added = new Map<string, string[]>(); // rows by file

  constructor(artifacts: ArtifactReader, options: VerifyingStoreOptions) {
    this.#artifacts = artifacts;
    this.#options = options;
  }

  has({ name }: ArtifactFile<unknown>): Promise<boolean> {
    return Promise.resolve(this.#options.present.has(name));
  }

  /** Whether the run says that it has written a file. */
  isDue(file: string): boolean {
    return this.#options.isDue(file);
  }

  /** Makes stages read these rows in place of a file's own. */
  derive({ name }: ArtifactFile<unknown>, texts: () => Iterable<string>): void {
    this.#derived.set(name, texts);
  }

  /** Makes stages read this row in place of the one on a line; none at all where it is undefined. */
  correct({ name }: ArtifactFile<unknown>, { number }: Pick<LinePlace, "number">, text: string | undefined): void {
    this.#corrected.set(name, (this.#corrected.get(name) ?? new Map()).set(number, text));
  }

  /** Makes stages read a row that the file lacks. */
  supply({ name }: ArtifactFile<unknown>, text: string): void {
    this.#added.set(name, [...(this.#added.get(name) ?? []), text]);
  }

  async *rows<Row>(file: ArtifactFile<Row>): AsyncGenerator<Row> {
    const parse = (text: string) => file.schema.parse(JSON.parse(text));
    const derived = this.#derived.get(file.name);
    if (derived) {
      for (const text of derived()) yield parse(text);
      return;
    }
    const corrected = this.#corrected.get(file.name);
    for await (const line of this.#artifacts.lines(file)) {
      const text = corrected?.get(line.number);
      if (text !== undefined) yield parse(text);
      else if (line.kind === "row" && !corrected?.has(line.number)) yield line.row;
    }
    for (const text of this.#added.get(file.name) ?? []) yield parse(text);
  }

  /** The valid lines of a file that is there; the others are faults. */
  async *validLines<Row>(file: ArtifactFile<Row>): AsyncGenerator<Extract<ArtifactLine<Row>, { kind: "row" }>> {
    const check = this.#options.checks.of(file.name);
    let count = 0;
    for await (const line of this.#artifacts.lines(file)) {
      if (line.kind === "torn") this.#torn(file.name, line);
      else count += 1;
      if (line.kind === "row") yield line;
      if (line.kind === "fault") check.fault({ file: file.name, line: line.number, byte: line.byte, ...line.fault });
    }
    this.counts.set(file.name, count);
  }

  async replace<Row>(file: ArtifactFile<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Promise<number> {
    const expected: ExpectedRow[] = [];
    for await (const row of rows) expected.push(expectedRow(file, row));
    this.derive(file, () => expected.values().map(({ text }) => text));
    if (await this.has(file)) await this.compare(file, expected);
    else this.missing(file.name);
    return expected.length;
  }

  /**
   * Compares a file's rows with those expected, which are of the keys that `covers` says. Returns the rows that follow:
   * an expected one in place of a found one, and the found ones of other keys.
   */
  async compare<Row>(
    file: ArtifactFile<Row>,
    expected: readonly ExpectedRow[],
    covers: (row: Row) => boolean = () => true,
  ): Promise<string[]> {
    const check = this.#options.checks.of(file.name);
    const places = new Map(expected.map(({ key }, place) => [key, place]));
    const seen = new Set<string>();
    const rows: string[] = [];
    let last = -1;
    for await (const { number, byte, row, text } of this.validLines(file)) {
      const key = rowKey(row as Keyed);
      const where = { file: file.name, line: number, byte, row: key };
      const place = places.get(key) ?? -1;
      const wanted = expected[place]?.text;
      if (seen.has(key)) check.fault({ ...where, expected: "one row of this key", found: "another one" });
      else if (wanted !== undefined) {
        rows.push(wanted);
        if (place < last) check.fault({ ...where, expected: `it before ${expected[last]?.key}`, found: "it here" });
        last = Math.max(last, place);
        const faults = this.#rowFaults(wanted, text);
        if (faults.length === 0) check.hold();
        for (const fault of faults) check.fault({ ...where, ...fault });
      } else if (covers(row)) check.fault({ ...where, expected: "no such row", found: "a row" });
      else {
        rows.push(text);
        check.trust("rows from files that were not read again");
      }
      seen.add(key);
    }
    let unread = (this.counts.get(file.name) ?? 0) - seen.size; // any of which may be one that is missing
    for (const { key, text } of expected) {
      if (seen.has(key)) continue;
      rows.push(text);
      if (unread > 0) check.skip("rows that cannot be read");
      else check.fault({ file: file.name, row: key, expected: "a row", found: "none" });
      unread -= 1;
    }
    return rows;
  }

  #rowFaults(wanted: string, text: string): ReadFault[] {
    if (text === wanted) return [];
    const differing = shownDifferences(JSON.parse(wanted), JSON.parse(text));
    if (differing.length > 0 || !this.#options.isExact) return differing;
    return [{ expected: "the row as sctir writes it, byte for byte", found: "the same in another form" }];
  }

  async writeSummary(summary: Summary): Promise<void> {
    const check = this.#options.checks.of(summaryFile);
    const found = await this.#artifacts.document(summaryFile, summarySchema);
    if (found === undefined) return this.missing(summaryFile);
    if (found.kind === "fault") return check.fault({ file: summaryFile, ...found.fault });
    const runId = this.#options.isExact ? summary.runId : found.value.runId; // of one made by hand, the directory's name then
    const expected = JSON.parse(JSON.stringify(summarySchema.parse({ ...summary, runId })));
    const differing = shownDifferences(expected, found.value);
    for (const difference of differing) {
      const isUnknown = this.#options.isOtherTool && difference.found === "nothing";
      if (isUnknown) check.skip("figures that the version which wrote it did not tell");
      else check.fault({ file: summaryFile, ...difference });
    }
    check.hold(Math.max(0, countValues(found.value) - differing.length));
  }

  /** A file that is not there: a fault where the run has written it. */
  missing(file: string): void {
    const check = this.#options.checks.of(file);
    if (this.isDue(file)) check.fault({ file, expected: "a file", found: "none" });
    else check.skip(`${file} is not there`);
  }

  /** A file that a stage would not have written, for this reason. */
  refused(file: string, reason: string): void {
    const check = this.#options.checks.of(file);
    if (this.#options.present.has(file)) check.fault({ file, expected: `no file: ${reason}`, found: "a file" });
    else check.skip(reason);
  }

  readManifest(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  writeManifest(): Promise<void> {
    return Promise.reject(new Error("nothing is written here"));
  }

  /** Half a line at the end of a journal is no fault while the run is not over: it goes when the run goes on. */
  #torn(file: string, { number, byte, bytes }: LinePlace & { bytes: number }): void {
    const check = this.#options.checks.of(file);
    const found = `half a line of ${bytes} bytes`;
    if (file === turnsFile.name && !this.isDue(file)) check.skip(`${found} at the end (byte ${byte})`);
    else check.fault({ ...{ file, line: number, byte }, expected: "a whole line", found });
  }
}
