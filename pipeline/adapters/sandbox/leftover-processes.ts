import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const passesAtMost = 100;

/**
 * Ends the processes that belong to a scratch directory: they work in there, or were started with their home in there.
 *
 * For what a program started under a worker that was killed from outside; a worker that lives does this itself, and
 * better. Without /proc it does nothing.
 */
export async function endLeftovers(scratch: string): Promise<void> {
  for (let pass = 0; pass < passesAtMost; pass++) {
    const leftovers = await processesOf(scratch);
    if (leftovers.length === 0) return;
    for (const pid of leftovers) kill(pid);
    await sleep(5);
  }
}

async function processesOf(scratch: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/u.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await belongs(pid, scratch)) ? [Number(pid)] : [])));
  return found.flat();
}

/** Of a process that we may not look at we know nothing, and it is none of ours. */
async function belongs(pid: string, scratch: string): Promise<boolean> {
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => "");
  if (directory === scratch || directory.startsWith(`${scratch}/`)) return true;
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").some((line) => line === `HOME=${scratch}` || line.startsWith(`HOME=${scratch}/`));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
