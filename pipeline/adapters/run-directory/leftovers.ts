import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileFault } from "./file-fault.ts";
import { lockName } from "./run-lock.ts";

const lockDraftMilliseconds = 600_000;

/**
 * Removes the temporary files of processes that were killed while they wrote. Whoever calls it holds the lock; drafts
 * of the lock itself may be those of processes that try for it right now, unless they are old.
 */
export async function removeLeftovers(directory: string): Promise<void> {
  try {
    const now = (await timeOf(join(directory, lockName))) ?? 0;
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const isOldDraft = async () => now - ((await timeOf(path)) ?? now) > lockDraftMilliseconds;
      if (/\.\d+\.tmp$/u.test(name) || (name.startsWith(`${lockName}.`) && (await isOldDraft()))) {
        await rm(path, { force: true });
      }
    }
  } catch (error) {
    throw fileFault("tidy", directory, error);
  }
}

async function timeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}
