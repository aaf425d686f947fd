import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { turnsFile } from "../../artifacts/artifact-file.ts";
import type { Turn } from "../../artifacts/turn.ts";
import type { Journal } from "../../stages/ports.ts";
import { syncDirectory } from "./derived-file.ts";
import { fileFault, isGone, takenAway } from "./file-fault.ts";
import { readJournal, type TakeRow } from "./journal-lines.ts";
import type { RunLock } from "./run-lock.ts";

/**
 * What has been finished for longer is on the disk, unless syncing itself takes longer. That much is at risk from a
 * power cut; a crash of the process alone loses no row.
 */
const syncIntervalMilliseconds = 1000;

/** Less often than the lock is confirmed by itself: only a process that stood still asks before a row. */
const confirmedMilliseconds = 10_000;

/** Not through a symbolic link: rows would go, and a torn line be cut off, at a place outside the run directory. */
const appending = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

interface JournalOptions {
  take?: TakeRow;
  /** Told what stood behind the last whole row and was cut off. */
  onTorn?: (tail: string) => void;
  lock?: RunLock;
}

/**
 * Opens a run's journal, handing each of its rows to `take` in order. A torn last line, the trace of a crash in
 * mid-write, is cut off and reported; any other bad line is a DamagedFile, and nothing is changed then.
 */
export async function openTurnJournal(
  path: string,
  { take = () => undefined, onTorn = () => {}, lock }: JournalOptions = {},
): Promise<Journal> {
  let file: FileHandle;
  try {
    file = await open(path, appending);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw fileFault("open", path, error);
  }
  try {
    const torn = await readJournal(path, take);
    if (torn) {
      await file.truncate(torn.offset);
      await file.sync();
      onTorn(torn.tail);
    }
  } catch (error) {
    await file.close();
    throw fileFault("open", path, error);
  }
  return new TurnJournal(path, file, lock);
}

class TurnJournal implements Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #lock: RunLock | undefined;
  readonly #failed = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #last: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #dirty = false;

  constructor(path: string, file: FileHandle, lock: RunLock | undefined) {
    this.#path = path;
    this.#file = file;
    this.#lock = lock;
    lock?.lost.addEventListener("abort", () => this.#fail(lock.lost.reason), { once: true });
    this.#timer = setInterval(() => void this.#sync(), syncIntervalMilliseconds);
    this.#timer.unref();
  }

  /** After a failed write the file may end in half a line, after a failed sync pages may be lost: no row comes after it. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** One write per row, in the order of the calls; resolves once the row is with the operating system. */
  append(row: Turn): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(turnsFile.schema.parse(row))}\n`);
    this.#last = this.#last.then(async () => {
      this.failed.throwIfAborted();
      try {
        await this.#lock?.confirm(confirmedMilliseconds);
        await this.#write(line);
        this.#dirty = true;
      } catch (error) {
        throw this.#fail(fileFault("write", this.#path, error));
      }
    });
    const written = this.#last;
    this.#last = written.catch(() => {});
    return written;
  }

  async #write(line: Buffer): Promise<void> {
    // A disk that fills up takes a part of the row; trying the rest tells why.
    for (let rest = line; rest.length > 0; ) {
      const { bytesWritten } = await this.#file.write(rest);
      rest = rest.subarray(bytesWritten);
    }
  }

  /** One at a time, however long it takes. Never throws. */
  #sync(): Promise<void> {
    this.#syncing ??= this.#syncOnce()
      .catch((error: unknown) => void this.#fail(fileFault("sync", this.#path, error)))
      .finally(() => {
        this.#syncing = undefined;
      });
    return this.#syncing;
  }

  async #syncOnce(): Promise<void> {
    if (this.failed.aborted) return;
    await this.#checkPlace();
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#file.datasync();
  }

  /** A file that is open can be written for ever, also when nobody can find it any more. */
  async #checkPlace(): Promise<void> {
    const own = await this.#file.stat({ bigint: true });
    const there = await stat(this.#path, { bigint: true }).catch((error: unknown) => {
      return isGone(error) ? undefined : own; // another fault may pass
    });
    if (there?.ino === own.ino && there.dev === own.dev) return;
    throw takenAway(this.#path);
  }

  #fail(error: unknown): unknown {
    this.#failed.abort(error); // the first one counts
    return this.failed.reason;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
    await this.#syncing; // it may have begun before the last row was written
    await this.#sync();
    await this.#file.close().catch((error: unknown) => this.#fail(fileFault("close", this.#path, error)));
    this.failed.throwIfAborted();
  }
}
