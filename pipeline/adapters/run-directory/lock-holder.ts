import { randomUUID } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { z } from "zod";

/** Who holds a run directory: what run.lock says. */
const holderSchema = z.object({
  pid: z.number().int(),
  host: z.string(),
  since: z.string(),
  place: z.string(), // where pid means one process, see `ownPlace`
  /** The process's start in clock ticks since boot, which a reused pid does not share; null where /proc is absent. */
  processStart: z.string().nullable(),
  nonce: z.string(),
});
export type Holder = z.infer<typeof holderSchema>;

/** This process as a holder. */
export async function ownHolder(): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    place: await ownPlace(),
    processStart: (await processStat(process.pid))?.start ?? null,
    nonce: randomUUID(),
  };
}

/** Undefined for a text that names no holder. */
export function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether this process can tell if a holder lives. */
export async function isHere({ place }: Holder): Promise<boolean> {
  return place === (await ownPlace());
}

/** A process number means one process within one namespace of one boot of one host. */
async function ownPlace(): Promise<string> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${hostname()} ${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** Whether a holder that is here has ended. */
export async function hasEnded({ pid, processStart }: Holder): Promise<boolean> {
  if (pid <= 0) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return true;
  }
  const stat = await processStat(pid);
  if (stat === undefined) return false;
  // A container without an init process keeps the ended ones: they have a number, and do nothing.
  const isZombie = stat.state === "Z" || stat.state === "X";
  return isZombie || (processStart !== null && processStart !== stat.start);
}

/** Fields 3 and 22 of proc_pid_stat(5). */
async function processStat(pid: number): Promise<{ state: string; start: string } | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", start: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
