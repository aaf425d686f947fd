import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { PythonExecution } from "../../../../pipeline/stages/ports.ts";
import { descendants } from "../processes-by-marker.ts";
import { type isolations, openSandbox, type SandboxUnderTest } from "../sandbox-under-test.ts";
import { Bait, stateOf } from "./bait.ts";
import type { HostileProgram } from "./hostile-program.ts";

const read = (name: string) => readFile(new URL(name, import.meta.url), "utf8");

const prelude = await read("prelude.py");

/** A program that tells the state it starts in; see there. */
export const canary = await read("canary.py");

/** What came of a program: how it ended, and what it got hold of, which is to be nothing. */
export interface Attack {
  execution: PythonExecution;
  evidence: string[];
}

export function sourceOf({ code, bare }: Pick<HostileProgram, "code" | "bare">, bait: Bait): string {
  return bare ? code : `${bait.variables}${prelude}\n${code}\n`;
}

interface Untouched {
  under: SandboxUnderTest;
  neighbour: Neighbour;
  canary: PythonExecution;
  workers: readonly number[];
  state: string;
}

/**
 * A worker that runs one hostile program after the other, and after each of them the canary: that has the output it had
 * before them all, and the worker is in the state it was in. Else there is evidence, and a new worker.
 */
export class Lane {
  readonly #isolation: (typeof isolations)[number];
  #untouched: Untouched;

  static async open(isolation: (typeof isolations)[number]): Promise<Lane> {
    return new Lane(isolation, await openUntouched(isolation));
  }

  private constructor(isolation: (typeof isolations)[number], untouched: Untouched) {
    this.#isolation = isolation;
    this.#untouched = untouched;
  }

  /** `inSession` lets it run as the first block of a session, beside another one that lives on. */
  async attack(program: HostileProgram, { inSession = false } = {}): Promise<Attack> {
    const bait = await Bait.lay();
    try {
      const { timeoutSeconds = 20, memoryMiB = 512 } = program;
      const { under, neighbour, canary: expected, workers, state } = this.#untouched;
      const session = inSession ? { session: bait.marker } : {};
      const neighbourEvidence = inSession ? await neighbour.evidence() : [];
      const execution = await under.run(sourceOf(program, bait), { timeoutSeconds, memoryMiB, ...session });
      if (inSession) {
        neighbourEvidence.push(...(await neighbour.evidence(execution.stdout + execution.stderr)));
        under.sandbox.endSession(bait.marker);
        await under.run(""); // until then it has ended
      }
      const evidence = await bait.evidence(execution.stdout + execution.stderr);

      const touched = neighbourEvidence;
      const next = await under.run(canary);
      if (next.stdout !== expected.stdout) touched.push(`changed the next program: ${difference(expected, next)}`);
      const stateAfter = await stateOfAll(workers);
      if (stateAfter !== state) touched.push(`changed the worker from\n${state}\nto\n${stateAfter}`);
      if (touched.length > 0) {
        await under.sandbox.close();
        this.#untouched = await openUntouched(this.#isolation);
      }
      return { execution, evidence: [...evidence, ...touched] };
    } finally {
      await bait.remove();
    }
  }

  close(): Promise<void> {
    return this.#untouched.under.sandbox.close();
  }
}

/** A session that lives beside a hostile one, and has something to hide. */
class Neighbour {
  readonly #under: SandboxUnderTest;
  readonly #secret = `secret-${randomUUID()}`;
  readonly #blocks = [`secret = "${this.#secret}"\nopen("own", "w").write(secret)`];

  constructor(under: SandboxUnderTest) {
    this.#under = under;
  }

  /** Whether it finds itself changed, and whether what another has written tells its secret. */
  async evidence(output = ""): Promise<string[]> {
    const block = 'import os; print(secret, open("own").read(), [name for name in os.listdir(".") if name == "own"])';
    const { stdout, stderr } = await this.#under.run(block, { session: "neighbour", earlier: this.#blocks });
    this.#blocks.push(block);
    const evidence = output.includes(this.#secret) ? ["read the secret of another session"] : [];
    const isUnchanged = stdout === `${this.#secret} ${this.#secret} ['own']\n`;
    return isUnchanged ? evidence : [...evidence, `changed another session: ${stdout} ${stderr}`];
  }
}

let opening: Promise<unknown> = Promise.resolve();

/** One after the other: how else would we know whose the new processes are? */
function openUntouched(isolation: (typeof isolations)[number]): Promise<Untouched> {
  const opened = opening.then(async () => {
    const known = await pools();
    const under = await openSandbox({ isolation, size: 1 });
    const first = await under.run(canary);
    if (first.outcome !== "ok") throw new Error(first.stderr);
    const pool = (await pools()).filter((pid) => !known.includes(pid));
    const workers = [...pool, ...(await Promise.all(pool.map(descendants))).flat()];
    if (workers.length === 0) throw new Error("There is no worker to be seen.");
    return { under, neighbour: new Neighbour(under), canary: first, workers, state: await stateOfAll(workers) };
  });
  opening = opened.catch(() => {});
  return opened;
}

/** The processes that this one has started as workers: bubblewrap's, or the workers themselves. */
async function pools(): Promise<number[]> {
  const pids = await descendants(process.pid);
  const isPool = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return commandLine.includes("worker.py") && (await stateOf(pid)).includes(`PPid:\t${process.pid}\n`);
    }),
  );
  return pids.filter((_, index) => isPool[index]);
}

/** Without what changes while a worker does its work. */
async function stateOfAll(pids: readonly number[]): Promise<string> {
  const states = await Promise.all(pids.map(stateOf));
  return states.map((state) => state.replaceAll(/^(?:State|SigPnd|ShdPnd):.*\n/gmu, "")).join("\n\n");
}

function difference(expected: PythonExecution, { outcome, stdout, stderr }: PythonExecution): string {
  const known = new Set(expected.stdout.split("\n"));
  return [outcome, ...stdout.split("\n").filter((line) => !known.has(line)), stderr].join("\n");
}
