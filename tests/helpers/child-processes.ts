import { readdirSync, readFileSync } from "node:fs";

/** Processes that a process has started, on Linux. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && statusOf(pid)?.parent === parent);
}

export function isAlive(pid: number): boolean {
  const status = statusOf(pid);
  return status !== undefined && status.state !== "Z";
}

/** What a process calls itself, up to 15 characters. */
export function nameOf(pid: number): string | undefined {
  return statusOf(pid)?.name;
}

function statusOf(pid: number): { name: string; state: string; parent: number } | undefined {
  try {
    const [, name = "", state = "", parent] =
      /\((.*)\) (\S) (\d+)/su.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return { name, state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
