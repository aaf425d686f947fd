import { randomInt } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A number that no other process has among its arguments, so that `sleep` takes it too. */
export function newMarker(): string {
  return String(1_000_000_000 + randomInt(1_000_000_000));
}

/** The live processes of this machine that have a marker among their arguments, or as their name. */
export async function processesMarked(marker: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name));
  const marked = await Promise.all(
    pids.map(async (pid) => {
      try {
        const [commandLine = "", status = ""] = await Promise.all(
          ["cmdline", "stat"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8")),
        );
        const isDead = /\) [ZX] /u.test(status); // and yet to be collected by its parent
        return !isDead && `${commandLine} ${status}`.includes(marker) ? [Number(pid)] : [];
      } catch {
        return []; // it ended while we looked
      }
    }),
  );
  return marked.flat();
}

/** Waits for a number of them, and throws when it does not come about. */
export async function waitForMarked(marker: string, isExpected: (count: number) => boolean): Promise<number[]> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const pids = await processesMarked(marker);
    if (isExpected(pids.length)) return pids;
    await sleep(25);
  }
  throw new Error(`Waited in vain; the processes are ${await processesMarked(marker)}.`);
}

/**
 * Runs a program that leaves processes behind, for more and more seconds until they have been seen alive: on a busy
 * machine a short program may be over before anybody looks. Each time it checks that they are gone afterwards.
 */
export async function seenAndGone<Result>(
  run: (marker: string, seconds: number) => Promise<Result>,
  isExpected: (count: number) => boolean,
): Promise<Result> {
  for (const seconds of [0.5, 1, 2, 4, 8, 16]) {
    const marker = newMarker();
    let isOver = false;
    let wasSeen = false;
    const running = run(marker, seconds).finally(() => {
      isOver = true;
    });
    while (!isOver && !wasSeen) {
      wasSeen = isExpected((await processesMarked(marker)).length);
      await sleep(5);
    }
    const result = await running;
    await waitForMarked(marker, (count) => count === 0);
    if (wasSeen) return result;
  }
  throw new Error("The processes were never seen.");
}

/** Waits until none of some marked processes is left, though there may be new ones. */
export async function waitUntilGone(marker: string, pids: readonly number[]): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const left = await processesMarked(marker);
    if (!pids.some((pid) => left.includes(pid))) return;
    await sleep(25);
  }
  throw new Error(`Waited in vain for the end of ${pids}.`);
}

/** The processes that descend from a process, with their parents. */
export async function descendants(ancestor: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
  }
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(ancestor);
}
