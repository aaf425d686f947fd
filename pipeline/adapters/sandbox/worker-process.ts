import { execa } from "execa";
import type { z } from "zod";
import { exitCodes, UserError } from "../../core/user-error.ts";
import type { PythonRequest } from "../../stages/ports.ts";
import type { Launch } from "./isolation.ts";
import { notImported } from "./preloaded-modules.ts";
import { type Ready, type Reply, readySchema, replySchema, type WorkerRequest } from "./worker-protocol.ts";

const startSeconds = 120; // numpy and sympy from a cold disk, on a machine where every core has such a worker to start
const abortSeconds = 3;
const closeSeconds = 5;
const lineBytesAtMost = 64 * 2 ** 20; // two outputs of a MiB, each character of them escaped, are 12 MiB

/** How a program ended for want of a worker: it died, or did not answer in time. Either way it is of no more use. */
export type NoReply = "worker-died" | "no-answer";

const workerOptions = {
  stdin: "pipe",
  stdout: "pipe",
  stderr: "pipe",
  buffer: false,
  reject: false,
  extendEnv: false,
  detached: true, // Ctrl-C in a terminal is for us: a program that runs is let finish
  cleanup: false, // the end of its standard input ends it
} as const;

function startProcess(launch: Launch) {
  return execa(launch.file, launch.arguments, { ...workerOptions, env: launch.environment, cwd: "/" });
}

/** A program, or a block of a session that lives in this worker. */
export type WorkerTask = Omit<PythonRequest, "session"> &
  Pick<Extract<WorkerRequest, { id: number }>, "session" | "block" | "isNew" | "interrupt">;

/** One worker.py. It runs one program at a time. */
export class WorkerProcess {
  readonly #subprocess: ReturnType<typeof startProcess>;
  readonly #ended: Promise<void>;
  #alive = true;
  #errors = "";
  #nextId = 1;
  #answer: (line: string | NoReply) => void = () => {}; // to whoever waits for a line

  /** Resolves when the libraries are imported. Throws a UserError (exit code 3) where that fails. */
  static async start(launch: Launch): Promise<WorkerProcess & { ready: Ready }> {
    const worker = new WorkerProcess(launch);
    const line = await worker.#lineWithin(startSeconds);
    if (line === "worker-died" || line === "no-answer") {
      await worker.kill();
      const why = line === "no-answer" ? `It was not ready within ${startSeconds} s.` : worker.#errors.trim();
      throw new UserError(`The Python sandbox does not start. ${why}`.trim(), {
        hint:
          "Try `npm run setup`, and whether the machine has memory and processes to spare." +
          (launch.preload ? ` It first imports what python.preload names: ${launch.preload.join(", ")}.` : ""),
        exitCode: exitCodes.unavailable,
      });
    }
    const ready = readAs(readySchema, line)?.ready;
    if (ready === undefined) {
      await worker.kill();
      const { executable } = launch.interpreter;
      throw new UserError(`The Python sandbox does not start: ${executable} prints ${JSON.stringify(excerpt(line))}.`, {
        hint: "Something that is run at its start prints, such as a sitecustomize.py or a .pth file. It must be silent.",
        exitCode: exitCodes.unavailable,
      });
    }
    if (launch.preload !== undefined && Object.keys(ready.notImported).length > 0) {
      await worker.kill();
      throw notImported(ready.notImported, launch.interpreter);
    }
    return Object.assign(worker, { ready });
  }

  private constructor(launch: Launch) {
    this.#subprocess = startProcess(launch);
    this.#ended = new Promise<void>((resolve) => {
      this.#subprocess.nodeChildProcess.once("exit", resolve);
      this.#subprocess.nodeChildProcess.once("error", () => resolve());
    }).then(async () => {
      this.#alive = false;
      this.#subprocess.stdout.destroy();
      this.#subprocess.stderr.destroy();
      await launch.cleanUp();
      this.#answer("worker-died");
    });
    this.#subprocess.stdin.on("error", () => {}); // it has died, which `exit` tells
    this.#subprocess.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.#readLines();
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Runs a program. An abort is answered like everything else, once nothing of the program is left.
   *
   * `graceSeconds` is what a worker has, beyond the program's own time, to prepare it, to end what it started, and to
   * answer.
   */
  async execute({ signal, ...request }: WorkerTask, graceSeconds: number): Promise<Reply | NoReply> {
    const id = this.#nextId++;
    let abortTimer: NodeJS.Timeout | undefined;
    const abort = () => {
      this.#send({ abort: id });
      abortTimer = setTimeout(() => this.#subprocess.kill("SIGKILL"), abortSeconds * 1000).unref();
    };
    const phases = request.earlier.length > 0 ? 2 : 1; // earlier blocks have a time limit of their own
    const answer = this.#lineWithin(phases * request.timeoutSeconds + graceSeconds);
    this.#send({
      seed: 0,
      ...request,
      code: request.code.toWellFormed(),
      earlier: request.earlier.map(wellFormed),
      id,
    });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const line = await answer;
      if (line === "worker-died" || line === "no-answer") return line;
      const reply = readAs(replySchema, line);
      return reply?.id === id ? reply : "worker-died"; // it is out of step, and no line of it can be trusted
    } finally {
      signal?.removeEventListener("abort", abort);
      clearTimeout(abortTimer);
    }
  }

  endSession(number: number): void {
    this.#send({ end: number });
  }

  /** Lets the worker end what it has started, then itself. */
  async close(): Promise<void> {
    this.#subprocess.stdin.end();
    const timer = setTimeout(() => this.#subprocess.kill("SIGKILL"), closeSeconds * 1000).unref();
    await this.#ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#subprocess.kill("SIGKILL");
    await this.#ended;
  }

  #send(message: WorkerRequest): void {
    if (this.#alive) this.#subprocess.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #lineWithin(seconds: number): Promise<string | NoReply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve("no-answer"), seconds * 1000).unref();
      this.#answer = (line) => {
        clearTimeout(timer);
        resolve(line);
      };
      if (!this.#alive) this.#answer("worker-died");
    });
  }

  #readLines(): void {
    let chunks: Buffer[] = []; // joined once a line is whole: it may have millions of characters
    let bytes = 0;
    this.#subprocess.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > lineBytesAtMost) this.#subprocess.kill("SIGKILL");
      if (!chunk.includes("\n")) return;
      bytes = 0;
      const lines = Buffer.concat(chunks).toString("utf8").split("\n");
      chunks = [Buffer.from(lines.pop() ?? "")];
      for (const line of lines) this.#answer(line);
    });
  }
}

/** What a line says; undefined where it is not of this form. */
function readAs<Value>(schema: z.ZodType<Value>, line: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function excerpt(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 80)}…`;
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}
