import { spawn } from "node:child_process";
import { SetupError } from "./setup-error.mjs";

/**
 * Steps with a line each on stderr: what it is and how long it took. On a terminal a line at the bottom shows what is
 * under way. Steps may overlap.
 */
export class Steps {
  constructor(stream = process.stderr) {
    this.stream = stream;
    /** @type {Map<string, number>} */
    this.running = new Map();
    /** @type {NodeJS.Timeout | undefined} */
    this.timer = undefined;
  }

  /**
   * @template Result
   * @param {string} title
   * @param {() => Promise<Result>} work
   * @returns {Promise<Result>}
   */
  async run(title, work) {
    const started = Date.now();
    this.running.set(title, started);
    this.timer ??= this.stream.isTTY ? setInterval(() => this.showRunning(), 200) : undefined;
    let mark = "x";
    try {
      const result = await work();
      mark = "+";
      return result;
    } finally {
      this.running.delete(title);
      this.say(`  ${mark} ${title} (${seconds(started)})`);
      if (this.running.size === 0) {
        clearInterval(this.timer);
        this.timer = undefined;
      }
    }
  }

  /** @param {string} line */
  say(line) {
    this.stream.write(`${this.stream.isTTY ? "\r\x1b[K" : ""}${line}\n`);
  }

  showRunning() {
    const parts = [...this.running].map(([title, started]) => `${title} ${seconds(started)}`);
    const width = (this.stream.columns ?? 80) - 1;
    this.stream.write(`\r\x1b[K${`  … ${parts.join(", ")}`.slice(0, width)}`);
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/**
 * Runs a tool quietly. If it fails, throws a SetupError that shows the end of what it printed. When the signal aborts,
 * the tool is ended, and waited for.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{cwd: string, env: NodeJS.ProcessEnv, hint: string, signal: AbortSignal}} options
 * @returns {Promise<void>}
 */
export function runQuietly(command, args, { cwd, env, hint, signal }) {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what the tool started is ended with it.
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const end = () => endGroup(child.pid);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();

    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-8_000);
      });
    }
    child.on("error", (error) => {
      signal.removeEventListener("abort", end);
      reject(new SetupError(`${command} could not be started: ${error.message}`, hint));
    });
    child.on("close", (code, killedBy) => {
      signal.removeEventListener("abort", end);
      if (code === 0) return resolve();
      const how = code === null ? `was ended by ${killedBy}` : `failed with exit code ${code}`;
      const shown = output.trim() || "(it printed nothing)";
      reject(new SetupError(`${[command, ...args].join(" ")}\n${how}:\n\n${shown}`, hint));
    });
  });
}

/** @param {number | undefined} leader */
function endGroup(leader) {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGTERM");
  } catch {
    // It has ended by itself.
  }
}
