import { mkdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesMarked } from "../adapters/sandbox/processes-by-marker.ts";
import { type Aim, isBeyond, phasesOf, reached, rowCount } from "./kill-storm-aims.ts";
import { type Ending, end, exitCodesOf, isHard, needsTerminal } from "./kill-storm-endings.ts";
import type { Setting, StormGround } from "./kill-storm-ground.ts";
import type { Hold } from "./kill-storm-hold.ts";
import { faultsOfResult, JournalWatch } from "./kill-storm-judgement.ts";
import { type AdoptedRun, endProcess, startAdoptedSctir } from "./kill-storm-process.ts";
import { concurrency, type Variant } from "./kill-storm-workload.ts";

const patienceMilliseconds = 300_000; // for the end of a process that was interrupted

interface Strike {
  aim: Aim;
  ending: Ending;
}

/** One run, which is ended and begun again. */
export class Episode {
  readonly out: string;
  readonly journal: JournalWatch;
  readonly faults: string[] = [];
  /** What was done, and what came of it. */
  readonly story: string[] = [];
  /** How many kills lost what was in flight. */
  hardKills = 0;
  orphans = 0;
  readonly #ground: StormGround;
  readonly #setting: Setting;
  readonly #commands: string[][];
  readonly #requestsBefore: number;
  #unsettled: AdoptedRun[] = []; // nobody has looked yet whether all have ended that they started

  constructor(ground: StormGround, setting: Setting, folder: string) {
    this.#ground = ground;
    this.#setting = setting;
    this.#requestsBefore = ground.requests;
    this.out = join(folder, "run");
    mkdirSync(this.out, { recursive: true });
    this.journal = new JournalWatch(this.out);
    this.#commands = commandsOf(setting, this.out);
  }

  /** Complete, or at fault. */
  get isOver(): boolean {
    return this.#commands.length === 0 || this.faults.length > 0;
  }

  /**
   * Ends the run at an aim. Returns what it was in the midst of; undefined if it will not come by there, or came to its
   * end before. `isHasty`: without a look at what it leaves; that is for after the next one.
   */
  async strike(strike: Strike, isHasty: boolean): Promise<string[] | undefined> {
    if (isBeyond(strike.aim, this.out)) return undefined;
    while (!this.isOver) {
      const { exitCode, phases, run } = await this.#run(this.#commands[0] ?? [], strike);
      if (!isHasty) await this.#settle();
      if (exitCode === 0) {
        this.#commands.shift();
        continue;
      }
      if (!exitCodesOf(strike.ending, !phases.includes("start")).includes(exitCode)) this.#unexpected(exitCode, run);
      if (isHard(strike.ending)) this.hardKills += 1;
      return phases;
    }
    return undefined;
  }

  /** Lets the run go to its end, and judges what comes of it. */
  async finish(): Promise<void> {
    while (!this.isOver) {
      const { exitCode, run } = await this.#run(this.#commands.shift() ?? []);
      await this.#settle();
      if (exitCode !== 0) this.#unexpected(exitCode, run);
    }
    await this.#settle();
    const { reference, variant } = this.#setting;
    if (this.faults.length === 0) this.faults.push(...faultsOfResult(this.out, reference, variant));
    if (this.boughtAgain > this.boughtAgainAtMost) this.faults.push(`${this.boughtAgain} turns were bought again`);
  }

  /** Turns that were asked of the engine once more than need be, where it counts. */
  get boughtAgain(): number {
    return this.#setting.variant.isServed ? this.#ground.requests - this.#requestsBefore - this.journal.rows : 0;
  }

  get boughtAgainAtMost(): number {
    return this.#setting.variant.isServed ? concurrency * this.hardKills : 0;
  }

  async #run(command: readonly string[], strike?: Strike) {
    const { out } = this;
    const rows = rowCount(out);
    const hold = strike && holdOf(strike);
    const run = startAdoptedSctir(command, {
      ...{ env: this.#setting.env, terminal: strike !== undefined && needsTerminal(strike.ending) },
      ...(hold ? { hold } : {}),
    });
    this.#unsettled.push(run);
    const pid = await run.pid;
    const phases: string[] = [];
    if (strike) {
      const { marker } = this.#ground;
      const over = new AbortController();
      void run.ended.then(() => over.abort());
      await reached(strike.aim, { out, pid, marker, output: run.output }, hold !== undefined, over.signal);
      if (strike.aim.at === "program" && (await processesMarked(marker)).length > 0) phases.push("a program runs");
      // One that handles a signal leaves no trace of where it was; of one that does not, the trace is what counts.
      if (strike.ending !== "SIGKILL") phases.push(...phasesOf(out, pid, rows));
      await end(run, pid, strike.ending);
    }
    const exitCode = await Promise.race([run.ended, sleep(patienceMilliseconds, undefined, { ref: false })]);
    if (exitCode === undefined) endProcess(pid, "SIGKILL");
    if (strike?.ending === "SIGKILL") phases.push(...phasesOf(out, pid, rows));
    this.faults.push(...this.journal.look());
    this.story.push(`${command[0]}, ${JSON.stringify(strike ?? "to its end")}: ${exitCode}, ${phases.join(", ")}`);
    return { exitCode: exitCode ?? Number.NaN, phases, run };
  }

  /** Waits for the end of all that was started. */
  async #settle(): Promise<void> {
    for (const run of this.#unsettled.splice(0)) {
      const orphans = await run.orphans();
      if (/this is a bug|^ +at /mu.test(run.output())) this.faults.push(`a stack trace:\n${run.output()}`);
      this.orphans += orphans.length;
      this.faults.push(...orphans.map((orphan) => `an orphan: ${orphan}`));
    }
    const files = await readdir(this.#ground.temporary);
    if (files.length > 0) this.faults.push(`files left in the temporary directory: ${files}`);
  }

  #unexpected(exitCode: number, run: AdoptedRun): void {
    this.faults.push(`exit code ${exitCode} (NaN: none):\n${run.output()}`);
  }
}

function commandsOf({ variant, config }: { variant: Variant; config: string }, out: string): string[][] {
  if (!variant.byStages) return [["run", config, "--out", out]];
  return [["load", out, "--config", config], ...["filter", "generate", "vote", "score"].map((stage) => [stage, out])];
}

/** Where the run is to dwell. Not for what it can handle: it would dwell on. */
function holdOf({ aim, ending }: Strike): Hold | undefined {
  return ending === "SIGKILL" && aim.at === "rename" ? aim.hold : undefined;
}
