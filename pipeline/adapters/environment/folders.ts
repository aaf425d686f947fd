import { mkdtemp, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type CheckResult, failed, ok, warning } from "./check.ts";

const gibibyte = 2 ** 30;
const room = { tooLittle: 0.1 * gibibyte, little: 2 * gibibyte };

/** Whether a folder that runs write to is there or can be made, takes a file, and has room. It is left as it was. */
export async function checkFolder(check: string, folder: string, howToChoose: string): Promise<CheckResult> {
  const existing = await nearestExisting(resolve(folder));
  try {
    const probe = await mkdtemp(join(existing, ".sctir-doctor-"));
    try {
      await writeFile(join(probe, "file"), "a file that doctor wrote");
    } finally {
      await rm(probe, { recursive: true, force: true });
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(check, `${existing} cannot be written: ${reason}`, howToChoose);
  }
  const { bavail, bsize } = await statfs(existing);
  return judgeRoom(check, folder, bavail * bsize, howToChoose);
}

/** A night's run of 48 candidates on all four sets writes about a gibibyte. */
export function judgeRoom(check: string, folder: string, freeBytes: number, howToChoose: string): CheckResult {
  const detail = `${folder} can be written, ${(freeBytes / gibibyte).toFixed(1)} GiB are free`;
  if (freeBytes < room.tooLittle) return failed(check, detail, `Make room there. ${howToChoose}`);
  if (freeBytes < room.little) return warning(check, detail, `A large run needs more. ${howToChoose}`);
  return ok(check, detail);
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined || dirname(folder) === folder) return folder;
  return nearestExisting(dirname(folder));
}
