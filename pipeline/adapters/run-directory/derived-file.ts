import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileFault } from "./file-fault.ts";
import type { RunLock } from "./run-lock.ts";

const bufferedCharacters = 1 << 18;

interface DerivedFileOptions {
  encoding?: BufferEncoding; // utf8
  lock?: RunLock | undefined;
}

/**
 * Writes a file whole: to a temporary name beside it, synced, then renamed, so that a reader and a crash see the old
 * content or the new and nothing between. Returns the number of pieces.
 */
export async function writeDerived(
  path: string,
  pieces: Iterable<string> | AsyncIterable<string>,
  { encoding = "utf8", lock }: DerivedFileOptions = {},
): Promise<number> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true }); // of an earlier process with this number
    const file = await open(temporary, "wx"); // through no link that stands there
    let count: number;
    try {
      count = await writeAll(file, pieces, encoding);
      await file.sync();
    } finally {
      await file.close();
    }
    await lock?.confirm();
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    return count;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileFault("write", path, error);
  }
}

async function writeAll(
  file: FileHandle,
  pieces: Iterable<string> | AsyncIterable<string>,
  encoding: BufferEncoding,
): Promise<number> {
  let buffered = "";
  let count = 0;
  for await (const piece of pieces) {
    buffered += piece;
    count += 1;
    if (buffered.length < bufferedCharacters) continue;
    await file.appendFile(buffered, encoding);
    buffered = "";
  }
  await file.appendFile(buffered, encoding);
  return count;
}

/** Makes a rename or a new file durable: the directory entry is synced too. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
