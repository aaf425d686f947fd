import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../../core/user-error.ts";
import { fileFault } from "./file-fault.ts";

const holderSchema = z.strictObject({
  pid: z.number().int(),
  host: z.string(),
  since: z.string(),
  /** The process's start in clock ticks since boot, which a reused pid does not share; null where /proc is absent. */
  processStart: z.string().nullable(),
  nonce: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

const lockName = "run.lock";

/**
 * Takes a run directory for this process; the returned function lets it go.
 *
 * The lock is a file that is linked into place, which is atomic on network file systems too. It is stale when its
 * process is gone from this host or another one has taken over its pid; one of another host is never assumed stale.
 */
export async function lockRun(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, lockName);
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    processStart: await processStart(process.pid),
    nonce: randomUUID(),
  };
  const draft = join(directory, `${lockName}.${own.nonce}`);
  try {
    await writeFile(draft, JSON.stringify(own), { flag: "wx" });
    while (!(await linked(draft, path))) await clearStale(path, directory);
  } catch (error) {
    throw fileFault("lock", directory, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
  return async () => {
    const holder = await readHolder(path);
    if (holder?.nonce === own.nonce) await rm(path, { force: true }).catch(() => {});
  };
}

/** Who holds a run directory, if anybody alive does. */
export async function runHolder(directory: string): Promise<{ pid: number; host: string; since: string } | undefined> {
  const holder = await readHolder(join(directory, lockName));
  return holder && !(await isStale(holder)) ? holder : undefined;
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a stale lock; throws where its holder lives. */
async function clearStale(path: string, directory: string): Promise<void> {
  const holder = await readHolder(path);
  if (holder === undefined) return; // gone in the meantime
  if (!(await isStale(holder))) {
    throw new UserError(`${directory} is in use by process ${holder.pid} on ${holder.host}, since ${holder.since}.`, {
      hint:
        holder.host === hostname()
          ? "Wait for it or end it; `sctir status` shows how far it is. Two processes never write one directory."
          : `If that process is gone, remove ${path} and run the same command again.`,
    });
  }
  const aside = `${path}.stale.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // another process was quicker
  }
  // Between the look and the rename another process may have cleared it and locked anew: give that lock back.
  const moved = await readHolder(aside);
  if (moved && moved.nonce !== holder.nonce) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const parsed = holderSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    if (parsed.success) return parsed.data;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  }
  return { pid: 0, host: hostname(), since: "an unknown time", processStart: null, nonce: "" }; // unreadable: stale
}

async function isStale({ pid, host, processStart: start }: Holder): Promise<boolean> {
  if (host !== hostname()) return false;
  if (pid === process.pid) return start !== (await processStart(pid));
  if (!isAlive(pid)) return true;
  return start !== null && start !== (await processStart(pid));
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null; // field 22 of proc_pid_stat(5)
  } catch {
    return null;
  }
}
