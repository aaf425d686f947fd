import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileFault } from "./file-fault.ts";
import { findLock } from "./lock-file.ts";
import { hasEnded, isHere } from "./lock-holder.ts";
import { lockName } from "./run-lock.ts";

const lockDraftMilliseconds = 600_000;

/**
 * Removes the temporary files of processes that were killed while they wrote. Whoever calls it holds the lock; drafts
 * of the lock itself may be those of processes that try for it right now.
 */
export async function removeLeftovers(directory: string): Promise<void> {
  try {
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const isDraft = name.startsWith(`${lockName}.`);
      if (/^\w+\.jsonl?\b.*\.\d+\.tmp$/u.test(name) || (isDraft && (await isAbandoned(path, directory)))) {
        await rm(path, { force: true });
      }
    }
  } catch (error) {
    throw fileFault("tidy", directory, error);
  }
}

/** Whether the process that made a draft has ended or, where that cannot be known, made it long before the lock. */
async function isAbandoned(path: string, directory: string): Promise<boolean> {
  const draft = await findLock(path);
  if (draft === undefined) return false; // it is gone
  if (draft.holder && (await isHere(draft.holder))) return hasEnded(draft.holder);
  const { mtimeMs: now } = await stat(join(directory, lockName));
  return now - draft.modifiedAt > lockDraftMilliseconds;
}
