import { copyFile, readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Line } from "../text-lines/read-lines.ts";
import { syncDirectory, writeDerived } from "./derived-file.ts";
import { fileFault } from "./file-fault.ts";
import type { RunLock } from "./run-lock.ts";

/** Where a line that is set aside stood, and what is wrong with it. */
export interface LineNote {
  line: number;
  byte: number; // at which it began
  bytes: number;
  reason: string;
}

/** Moves a file to `<name>.set-aside-<n>` beside it, with a note of why. Returns the new name. */
export async function setFileAside(path: string, reason: string, lock?: RunLock): Promise<string> {
  return putAside(path, reason, rename, lock);
}

/** The same for a file that is about to be replaced: it stays until then. */
export async function copyFileAside(path: string, reason: string, lock?: RunLock): Promise<string> {
  return putAside(path, reason, copyFile, lock);
}

async function putAside(
  path: string,
  reason: string,
  put: (from: string, to: string) => Promise<void>,
  lock: RunLock | undefined,
): Promise<string> {
  const target = await freePath(path);
  await writeNote(target, { file: basename(path), reason }, lock);
  try {
    await lock?.confirm();
    await put(path, target);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw fileFault("set aside", path, error);
  }
  return basename(target);
}

/** Copies lines of a file, byte for byte, to `<name>.set-aside-<n>`, with a note of where each stood. Returns that name. */
export async function setLinesAside(
  path: string,
  notes: readonly LineNote[],
  lines: AsyncIterable<Line>,
  lock?: RunLock,
): Promise<string> {
  const target = await freePath(path);
  await writeNote(target, { file: basename(path), lines: notes }, lock);
  await writeDerived(target, verbatim(lines), { encoding: "latin1", lock });
  return basename(target);
}

/** Lines as they are, whatever bytes they hold: each byte is one character in Latin-1. */
export async function* verbatim(lines: AsyncIterable<Line>): AsyncGenerator<string> {
  for await (const { bytes } of lines) yield `${bytes.toString("latin1")}\n`;
}

async function freePath(path: string): Promise<string> {
  const names = new Set(await readdir(dirname(path)));
  for (let number = 1; ; number += 1) {
    const name = `${basename(path)}.set-aside-${number}`;
    if (!names.has(name) && !names.has(`${name}.json`)) return join(dirname(path), name);
  }
}

async function writeNote(target: string, note: object, lock: RunLock | undefined): Promise<void> {
  const text = JSON.stringify({ setAsideAt: new Date().toISOString(), ...note }, null, 2);
  await writeDerived(`${target}.json`, [`${text}\n`], { lock });
}
