import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";

/**
 * Who holds a set-up lock, as it stands in the lock directory.
 *
 * @typedef {{pid: number, host: string, token: string}} LockOwner
 */

const heartbeatMilliseconds = 2_000;
const silenceMilliseconds = 60_000; // of an owner on another machine, whose process cannot be looked up
const startMilliseconds = 10_000; // between making the directory and writing the owner into it

/**
 * Whether a lock was left by a process that is gone.
 *
 * @param {object} lock
 * @param {LockOwner | undefined} lock.owner undefined if it could not be read
 * @param {number} lock.silentMilliseconds since the last sign of life
 * @param {string} lock.thisHost
 * @param {(pid: number) => boolean} lock.isRunning
 */
export function isStale({ owner, silentMilliseconds, thisHost, isRunning }) {
  if (!owner) return silentMilliseconds > startMilliseconds;
  if (owner.host === thisHost && !isRunning(owner.pid)) return true;
  // The same process number may be another process by now: after a restart, or in another container.
  return silentMilliseconds > silenceMilliseconds;
}

/**
 * Takes the lock, waiting for another set-up if there is one. Returns the function that gives it back.
 *
 * @param {string} directory made to take the lock; mkdir is atomic
 * @param {(owner: LockOwner | undefined) => void} onWait called once, before the first wait
 */
export async function takeSetupLock(directory, onWait) {
  const token = `${process.pid}-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const ownerFile = path.join(directory, "owner.json");
  for (let told = false; ; ) {
    try {
      mkdirSync(directory);
      break;
    } catch (error) {
      if (!isFileError(error, "EEXIST")) throw error;
    }
    const owner = readOwner(ownerFile);
    const silentMilliseconds = Date.now() - lastSign(directory, ownerFile);
    if (isStale({ owner, silentMilliseconds, thisHost: hostname(), isRunning })) {
      breakLock(directory, owner);
      continue;
    }
    if (!told) onWait(owner);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  writeFileSync(ownerFile, JSON.stringify({ pid: process.pid, host: hostname(), token }));

  const heartbeat = setInterval(() => {
    try {
      utimesSync(ownerFile, new Date(), new Date());
    } catch {
      // The lock was broken by somebody else: nothing to keep alive.
    }
  }, heartbeatMilliseconds);
  heartbeat.unref();

  return function giveBack() {
    clearInterval(heartbeat);
    if (readOwner(ownerFile)?.token === token) rmSync(directory, { recursive: true, force: true });
  };
}

/**
 * Two waiting set-ups may both find a lock stale. Renaming is atomic, so one of them gets it; should the other get hold
 * of the first one's fresh lock, it sees another owner than the stale one and puts it back.
 *
 * @param {string} directory
 * @param {LockOwner | undefined} staleOwner
 */
function breakLock(directory, staleOwner) {
  const aside = `${directory}.${process.pid}.tmp`;
  try {
    renameSync(directory, aside);
  } catch (error) {
    if (isFileError(error, "ENOENT")) return;
    throw error;
  }
  if (readOwner(path.join(aside, "owner.json"))?.token !== staleOwner?.token) {
    try {
      renameSync(aside, directory);
      return;
    } catch {
      // A third one holds a lock by now; fall through.
    }
  }
  rmSync(aside, { recursive: true, force: true });
}

/**
 * @param {string} ownerFile
 * @returns {LockOwner | undefined}
 */
function readOwner(ownerFile) {
  try {
    return JSON.parse(readFileSync(ownerFile, "utf8"));
  } catch {
    return undefined; // gone, or not yet written
  }
}

/**
 * @param {string} directory
 * @param {string} ownerFile
 */
function lastSign(directory, ownerFile) {
  for (const file of [ownerFile, directory]) {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats) return stats.mtimeMs;
  }
  return Date.now();
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isFileError(error, "EPERM"); // running, and somebody else's
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function isFileError(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}
