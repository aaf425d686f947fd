import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** Whether this machine lets its users mount in a namespace of their own. */
export const canMount =
  process.platform === "linux" && spawnSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

export interface SmallFileSystem {
  path: string;
  /** Runs a shell command where the file system is mounted: $AT is its place there. */
  shell(command: string): Promise<void>;
}

/** A tmpfs of its own with these mount options, which goes when the test ends. */
export async function smallFileSystem(options: string): Promise<SmallFileSystem> {
  const place = await mkdtemp(join(tmpdir(), "sctir-mount-"));
  const child = spawn("unshare", ["-Urm", "sh"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, AT: place },
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await rm(place, { recursive: true, force: true });
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const shell = async (command: string) => {
    child.stdin.write(`${command} >&2; echo $?\n`);
    const { value } = await answers.next();
    if (value !== "0") throw new Error(`${command} ended with ${value}`);
  };
  await shell(`mount -t tmpfs -o ${options} none "$AT"`);
  // The mount is seen from outside through the root of a process within.
  const path = join(`/proc/${child.pid}/root`, place, "run");
  await mkdir(path);
  return { path, shell };
}
