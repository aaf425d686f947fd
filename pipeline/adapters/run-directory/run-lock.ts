import { open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../core/user-error.ts";
import { fileFault, isGone, takenAway } from "./file-fault.ts";
import { type FoundLock, findLock, judgeLock, type LockTiming, placeLock } from "./lock-file.ts";
import { type Holder, isHere, ownHolder, parseHolder } from "./lock-holder.ts";

export const lockName = "run.lock";

const usualTiming: LockTiming = { beatMilliseconds: 5000, silenceMilliseconds: 60_000 };

/** A directory that this process has to itself, until it lets go or loses it. */
export interface RunLock {
  /** Aborts, with a UserError, once another process has the directory, or it is gone from its place. */
  lost: AbortSignal;
  /**
   * To be called before a write: throws that error where the directory is lost. What was known so many milliseconds ago is
   * not asked again [0].
   */
  confirm(withinMilliseconds?: number): Promise<void>;
  release(): Promise<void>;
}

interface LockOptions {
  /** Told what is waited for. */
  onNote?: (note: string) => void;
  timing?: LockTiming;
}

/**
 * Takes a run directory for this process. A UserError tells who has it.
 *
 * The lock is a file that is linked into place, which is atomic on network file systems too. It is stale when its
 * process has ended. Where that cannot be known, as of another host, container or boot, it is stale when its holder
 * has given no sign of life for a minute.
 */
export async function lockRun(
  directory: string,
  { onNote = () => {}, timing = usualTiming }: LockOptions = {},
): Promise<RunLock> {
  const own = await ownHolder();
  const text = JSON.stringify(own);
  const path = join(directory, lockName);
  const draft = `${path}.new-${own.nonce}`;
  try {
    await writeFile(draft, text, { flag: "wx" });
    const { mtimeMs } = await stat(draft);
    const writtenAt = performance.now();
    const now = () => mtimeMs + performance.now() - writtenAt;
    await take(path, { directory, draft, text, now, timing, onNote });
  } catch (error) {
    throw fileFault("lock", directory, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
  return new HeldLock(directory, text, timing);
}

interface Taking {
  directory: string;
  draft: string;
  text: string;
  now: () => number;
  timing: LockTiming;
  onNote: (note: string) => void;
}

async function take(path: string, taking: Taking): Promise<void> {
  const { directory, draft, text, now, timing, onNote } = taking;
  while (!(await placeLock(draft, path, text))) {
    const found = await findLock(path);
    if (found === undefined) continue; // released in the meantime
    const name = found.holder ? describe(found.holder) : "a process that does not say who it is";
    const state = await judgeLock(path, found, now(), timing, (milliseconds) => {
      onNote(
        `note: ${directory} is held by ${name}. It cannot be asked from here, so its lock is watched for ` +
          `a sign of life, for ${Math.ceil(milliseconds / 1000)} s at most.`,
      );
    });
    if (state === "alive") throw inUse(directory, name);
    if (state === "ended" && (await replace(path, found, taking))) return;
  }
}

/** Puts this process's lock in place of a stale one. Only one process at a time has the right to replace a given lock. */
async function replace(path: string, stale: FoundLock, taking: Taking): Promise<boolean> {
  const right = `${path}.after-${stale.holder?.nonce ?? "unknown"}`;
  await take(right, taking); // whoever has it may be gone, too
  const now = await findLock(path);
  if (now?.text === stale.text && now.modifiedAt === stale.modifiedAt) {
    await rename(right, path);
    return true;
  }
  await rm(right, { force: true });
  return false;
}

function describe({ pid, host, since }: Holder): string {
  return `process ${pid} on ${host}, since ${since}`;
}

function inUse(directory: string, name: string): UserError {
  return new UserError(`${directory} is in use by ${name}.`, {
    hint: "Wait for it or end it; `sctir status` shows how far it is. Two processes never write one directory.",
  });
}

class HeldLock implements RunLock {
  readonly #directory: string;
  readonly #path: string;
  readonly #text: string;
  readonly #timing: LockTiming;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> | undefined;
  /** When it was last known to be this process's own. Neither clock alone counts the time of every kind of standstill. */
  #seen = { steady: performance.now(), wall: Date.now() };

  constructor(directory: string, text: string, timing: LockTiming) {
    this.#directory = directory;
    this.#path = join(directory, lockName);
    this.#text = text;
    this.#timing = timing;
    this.#timer = setInterval(() => void this.#beat(), timing.beatMilliseconds);
    this.#timer.unref();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async confirm(withinMilliseconds = 0): Promise<void> {
    if (this.#silentFor >= withinMilliseconds) await this.#beat();
    this.lost.throwIfAborted();
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    const found = await findLock(this.#path).catch(() => undefined);
    if (found?.text === this.#text) await rm(this.#path, { force: true }).catch(() => {});
  }

  get #silentFor(): number {
    return Math.max(performance.now() - this.#seen.steady, Date.now() - this.#seen.wall);
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#refresh().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  /** Writes the lock again as it is, so that its time changes. Never throws. */
  async #refresh(): Promise<void> {
    if (this.lost.aborted) return;
    try {
      const file = await open(this.#path, "r+");
      try {
        const text = await file.readFile("utf8");
        if (text !== this.#text) return this.#lose(takenOver(this.#directory, text));
        await file.write(text, 0);
      } finally {
        await file.close();
      }
      this.#seen = { steady: performance.now(), wall: Date.now() };
    } catch (error) {
      if (isGone(error)) return this.#lose(takenAway(this.#directory));
      // A fault may pass. But others must not take this process to be gone while it writes.
      if (this.#silentFor > this.#timing.silenceMilliseconds / 2) this.#lose(fileFault("write", this.#path, error));
    }
  }

  #lose(error: unknown): void {
    clearInterval(this.#timer);
    this.#lost.abort(error);
  }
}

function takenOver(directory: string, text: string): UserError {
  const holder = parseHolder(text);
  const name = holder ? describe(holder) : "another process";
  return new UserError(`${directory} was taken over by ${name}: this process had stood still for too long.`, {
    hint: "Was the machine suspended? Nothing more is written here; the other process goes on with the run.",
  });
}

/** Who holds a run directory, if anybody alive does. */
export async function runHolder(directory: string, timing = usualTiming): Promise<Holder | undefined> {
  const path = join(directory, lockName);
  const found = await findLock(path).catch((error: unknown) => {
    throw fileFault("read", path, error);
  });
  if (found?.holder === undefined) return undefined;
  const silentFor = Date.now() - found.modifiedAt;
  const isFresh = silentFor >= 0 && silentFor < timing.silenceMilliseconds;
  if (isFresh && !(await isHere(found.holder))) return found.holder;
  // What looks old by this host's clock need not be: it is watched, but not for long.
  const state = await judgeLock(path, found, Date.now(), { ...timing, silenceMilliseconds: 0 });
  return state === "changed" ? runHolder(directory, timing) : state === "alive" ? found.holder : undefined;
}
