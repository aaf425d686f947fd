import { constants, link, open, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "./file-fault.ts";
import { type Holder, hasEnded, isHere, parseHolder } from "./lock-holder.ts";

/** Its holder writes a lock file again and again: where a process cannot be asked, that is its sign of life. */
export interface LockTiming {
  beatMilliseconds: number;
  /** After so long without a sign of life a holder is taken to be gone. */
  silenceMilliseconds: number;
}

/** A lock file as it was found. */
export interface FoundLock {
  text: string;
  holder: Holder | undefined; // it may be half written, or damaged
  modifiedAt: number; // by the clock of the file system
}

/** Undefined where there is none. Opened anew each time: that is when a network file system asks its server. */
export async function findLock(path: string): Promise<FoundLock | undefined> {
  // A link that leads nowhere would be taken for no file, yet stand in the way of one.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { mtimeMs } = await file.stat();
    const text = await file.readFile("utf8");
    return { text, holder: parseHolder(text), modifiedAt: mtimeMs };
  } finally {
    await file.close();
  }
}

/** Puts a lock file in place, with all its content at once: false if there is one already. */
export async function placeLock(draft: string, path: string, text: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === "EEXIST") return false;
    if (!withoutLinks.has(code)) throw error;
    return createLock(path, text);
  }
}

/** exFAT and some FUSE file systems have no hard links. */
const withoutLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** For a moment the file is empty. One who looks then waits for a sign of life, and finds the holder. */
async function createLock(path: string, text: string): Promise<boolean> {
  const file = await open(path, "wx").catch((error: unknown) => {
    if (errorCode(error) === "EEXIST") return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(text);
    return true;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Whether a lock's holder lives: asked of the system, where it can be known; else the file is watched for a sign of
 * life. `now` is the time by the clock of the file system, as clocks of hosts differ. `changed`: it is another's lock
 * by now, or nobody's.
 */
export async function judgeLock(
  path: string,
  found: FoundLock,
  now: number,
  { beatMilliseconds, silenceMilliseconds }: LockTiming,
  onWatch: (milliseconds: number) => void = () => {},
): Promise<"alive" | "ended" | "changed"> {
  const { holder, modifiedAt } = found;
  if (holder && (await isHere(holder))) return (await hasEnded(holder)) ? "ended" : "alive";
  // However old it looks, it is watched for a while: that clock may have been set.
  const silentFor = Math.max(0, now - modifiedAt);
  const milliseconds = Math.max(3 * beatMilliseconds, silenceMilliseconds - silentFor);
  onWatch(milliseconds);
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    await sleep(beatMilliseconds / 5);
    const again = await findLock(path);
    if (again?.text !== found.text) return "changed";
    if (again.modifiedAt !== modifiedAt) return "alive";
  }
  return "ended";
}
