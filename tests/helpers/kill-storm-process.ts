import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { descendants } from "../adapters/sandbox/processes-by-marker.ts";
import type { Hold } from "./kill-storm-hold.ts";

const here = (path: string) => new URL(path, import.meta.url);

export const launcher = fileURLToPath(here("../../bin/sctir.js"));
const python = process.env.SCTIR_PYTHON ?? fileURLToPath(here("../../.venv/bin/python"));
const adoptingParent = fileURLToPath(here("./kill-storm-parent.py"));
const dwell = `--import=${here("./kill-storm-hold.ts")}`;

/** Orphans can be found: there is Python, and a Linux that hands them to the next parent above who asks for them. */
export const canAdopt = process.platform === "linux" && existsSync(python);

export interface AdoptedOptions {
  env?: NodeJS.ProcessEnv;
  /** A terminal of its own, instead of pipes. */
  terminal?: boolean;
  /** Where it dwells. */
  hold?: Hold;
}

/** Starts a command under a parent of its own, to which all come that it leaves behind. */
export function startAdopted(command: readonly string[], { env = {}, terminal = false, hold }: AdoptedOptions = {}) {
  const parent = execa(python, [adoptingParent, ...(terminal ? ["--terminal"] : []), ...command], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { ...env, ...(hold ? { KILL_STORM_HOLD: JSON.stringify(hold), NODE_OPTIONS: dwell } : {}) },
    reject: false,
    all: true,
  });
  let output = "";
  parent.all.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const told = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<number>();
  let lines = "";
  parent.stdio[3].setEncoding("utf8").on("data", (text: string) => {
    lines += text;
    const [pid, exitCode, rest] = lines.split("\n");
    if (exitCode !== undefined) told.resolve(Number(pid));
    if (rest !== undefined) ended.resolve(Number(exitCode));
  });
  return {
    /** The command's process number. */
    pid: told.promise,
    /** Its exit code; negative for a signal. */
    ended: ended.promise,
    /** What it has printed. */
    output: () => output,
    type: (text: string) => parent.stdin.write(text),
    closeTerminal: () => parent.stdin.end(),
    /** Waits for the end of all that it started, and ends what is left after that: the command lines of those. */
    async orphans(withinSeconds = 30): Promise<string[]> {
      const isOver = await Promise.race([parent.then(() => true), after(withinSeconds)]);
      if (isOver) return [];
      const left = await descendants(parent.pid ?? 0);
      const names = await Promise.all(left.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "?")));
      for (const pid of left) endProcess(pid, "SIGKILL");
      await parent;
      return names.map((name) => name.replaceAll("\0", " ").trim());
    },
  };
}

export type AdoptedRun = ReturnType<typeof startAdopted>;

/** The command line under the project's Node. */
export const startAdoptedSctir = (args: readonly string[], options: AdoptedOptions = {}) =>
  startAdopted([process.execPath, launcher, ...args], options);

/** Nothing happens where it has ended already. */
export function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was quicker.
  }
}

function after(seconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), 1000 * seconds).unref());
}
