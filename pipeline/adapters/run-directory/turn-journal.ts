import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { turnsFile } from "../../artifacts/artifact-file.ts";
import { type Turn, turnSchema } from "../../artifacts/turn.ts";
import type { Journal } from "../../stages/ports.ts";
import { readLines } from "../text-lines/read-lines.ts";
import { syncDirectory } from "./derived-file.ts";
import { fileFault } from "./file-fault.ts";
import { parseRow } from "./jsonl-rows.ts";

/** At most so much of finished work is at risk from a power cut; a crash of the process alone loses none. */
const syncIntervalMilliseconds = 1000;

/**
 * Opens a run's journal, handing each of its rows to `onRow` in order. A torn last line, the trace of a crash in
 * mid-write, is cut off and reported; any other bad line is a UserError.
 */
export async function openTurnJournal(
  path: string,
  onRow: (row: Turn) => void,
  onTorn: (bytes: number) => void,
): Promise<Journal> {
  let file: FileHandle;
  try {
    file = await open(path, "a+");
    await syncDirectory(dirname(path));
  } catch (error) {
    throw fileFault("open", path, error);
  }
  try {
    for await (const line of readLines(path)) {
      if (!line.complete) {
        await file.truncate(line.offset);
        await file.sync();
        onTorn(line.bytes.length);
        break;
      }
      onRow(parseRow(path, line, turnsFile));
    }
  } catch (error) {
    await file.close();
    throw fileFault("read", path, error);
  }
  return new TurnJournal(path, file);
}

class TurnJournal implements Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  #last: Promise<void> = Promise.resolve();
  #failure: unknown;
  #dirty = false;
  readonly #timer: NodeJS.Timeout;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
    this.#timer = setInterval(() => this.#sync(), syncIntervalMilliseconds);
    this.#timer.unref();
  }

  /** One write per row, in the order of the calls; resolves once the row is with the operating system. */
  append(row: Turn): Promise<void> {
    const line = `${JSON.stringify(turnSchema.parse(row))}\n`;
    this.#last = this.#last.then(async () => {
      // After a failed write the file may end in half a line: a further row would be glued to it and lost.
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await this.#file.appendFile(line);
        this.#dirty = true;
      } catch (error) {
        this.#failure = fileFault("write", this.#path, error);
        throw this.#failure;
      }
    });
    const written = this.#last;
    this.#last = written.catch(() => {});
    return written;
  }

  #sync(): void {
    if (!this.#dirty || this.#failure !== undefined) return;
    this.#dirty = false;
    this.#file.datasync().catch((error: unknown) => {
      this.#failure ??= fileFault("sync", this.#path, error);
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
    try {
      if (this.#failure === undefined) await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }
}
