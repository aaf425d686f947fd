import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadRecordings } from "../../pipeline/adapters/replay-engine/recordings.ts";
import { type ReplayServer, startReplayServer } from "../../pipeline/adapters/replay-engine/replay-server.ts";
import { randomStream } from "../../pipeline/core/seed.ts";
import { newMarker, processesMarked } from "../adapters/sandbox/processes-by-marker.ts";
import { type Aim, type Draw, isBeyond, phasesOf, reached, rowCount } from "./kill-storm-aims.ts";
import { faultsOfResult, JournalWatch } from "./kill-storm-judgement.ts";
import { type AdoptedRun, endProcess, startAdoptedSctir } from "./kill-storm-process.ts";
import {
  concurrency,
  pathWithoutBubblewrap,
  type Variant,
  type VariantName,
  variants,
  writeWorkload,
} from "./kill-storm-workload.ts";

/** How a run is ended. `SIGINT twice`: the second time once it is no echo of the first. */
export type Ending = "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGINT twice" | "SIGHUP" | "terminal closed";

export interface StormOptions {
  kills: number;
  seed: number;
  /** Taken in turn. */
  variants: readonly VariantName[];
  aims: (draw: Draw, runMilliseconds: number, episode: number) => Aim[];
  ending: (draw: Draw) => Ending;
  /** What has to be hit, too, before the storm is over. */
  phases: readonly string[];
  onEpisode?(report: StormReport): void;
}

export interface StormReport {
  seed: number;
  kills: number;
  /** How often what was hit: a process can be in a stage and between a file's writing and its renaming. */
  phases: Record<string, number>;
  endings: Partial<Record<Ending, number>>;
  runs: number; // that were completed in the end
  rows: number;
  lostRows: number;
  /** Turns that were asked for again, in the runs whose engine counts, and how many there may be. */
  boughtAgain: number;
  boughtAgainAtMost: number;
  orphans: number;
  faults: string[];
}

const episodesAtMost = (kills: number) => 10 + kills; // should nothing ever be hit
const minutes = 60_000;

/**
 * Runs that are ended again and again, at aims, and begun again with the same command until they are complete. Each is
 * compared with a run that was left alone.
 */
export async function storm(options: StormOptions): Promise<StormReport> {
  const folder = await mkdtemp(join(tmpdir(), "sctir-storm-"));
  try {
    await using running = await Storm.start(folder, options);
    const { report } = running;
    for (let episode = 0; episode < episodesAtMost(options.kills); episode++) {
      const isCovered = options.phases.every((phase) => report.phases[phase]);
      if ((report.kills >= options.kills && isCovered) || report.faults.length > 0) break;
      await running.episode(episode);
      options.onEpisode?.(report);
    }
    return report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Setting {
  config: string;
  env: NodeJS.ProcessEnv;
  reference: string;
  runMilliseconds: number;
}

class Storm {
  readonly report: StormReport;
  readonly #folder: string;
  readonly #options: StormOptions;
  readonly #marker = newMarker();
  readonly #settings = new Map<VariantName, Setting>();
  #server: ReplayServer | undefined;
  #requests = 0;

  private constructor(folder: string, options: StormOptions) {
    this.#folder = folder;
    this.#options = options;
    this.report = {
      ...{ seed: options.seed, kills: 0, phases: {}, endings: {}, runs: 0, rows: 0, lostRows: 0 },
      ...{ boughtAgain: 0, boughtAgainAtMost: 0, orphans: 0, faults: [] },
    };
  }

  static async start(folder: string, options: StormOptions): Promise<Storm> {
    const storm = new Storm(folder, options);
    await mkdir(storm.#temporary);
    await writeWorkload(join(folder, "served"), storm.#marker);
    storm.#server = await startReplayServer({
      recordings: await loadRecordings([{ file: join(folder, "served/recordings.jsonl") }]),
      ...{ model: "replay", maxModelLen: 32768 },
      log: (line) => {
        if (line.startsWith("POST /v1/completions")) storm.#requests += 1;
      },
    });
    return storm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
  }

  /** Where workers make their directories: empty when they have ended. */
  get #temporary(): string {
    return join(this.#folder, "temporary");
  }

  /** One run, ended at each aim and then let go to its end. */
  async episode(number: number): Promise<void> {
    const { seed, variants: names } = this.#options;
    const name = names[number % names.length] ?? "embedded";
    const variant: Variant = variants[name];
    const draw = randomStream(1000 * seed + number);
    const { config, env, reference, runMilliseconds } = await this.#setting(name);
    const out = join(this.#folder, `${name}-${number}`, "run");
    await mkdir(out, { recursive: true });
    const commands = commandsOf(variant, config, out);
    const journal = new JournalWatch(out);
    const story = [`episode ${number}: ${name}`];
    const faults: string[] = [];
    const pending: (() => Promise<void>)[] = []; // ends of what was left
    const requestsBefore = this.#requests;
    let hardKills = 0;

    const settle = async () => {
      for (const end of pending.splice(0)) await end();
      const left = await readdir(this.#temporary);
      if (left.length > 0) faults.push(`files left in the temporary directory: ${left}`);
    };
    const runOnce = async (command: readonly string[], strike?: { aim: Aim; ending: Ending }) => {
      const aim = strike?.aim;
      // Only for what cannot be handled: anything else would end with the dwelling.
      const held = strike?.ending === "SIGKILL" && aim?.at === "rename" && aim.held !== undefined ? aim : undefined;
      const run = startAdoptedSctir(command, {
        ...{ env, terminal: strike?.ending === "SIGHUP" || strike?.ending === "terminal closed" },
        ...(held ? { hold: `${held.name}:${held.held}` } : {}),
      });
      const pid = await run.pid;
      const rows = rowCount(out);
      let wasRunning = false;
      let phases: string[] = [];
      if (strike) {
        const over = new AbortController();
        void run.ended.then(() => over.abort());
        const isDwelling = held ? { isDwelling: () => run.output().includes("dwelling before") } : {};
        await reached(strike.aim, { out, pid, marker: this.#marker, ...isDwelling }, over.signal);
        wasRunning = strike.aim.at === "program" && (await processesMarked(this.#marker)).length > 0;
        phases = phasesOf(out, pid, rows); // one that handles a signal leaves no trace of where it was
        await end(run, pid, strike.ending);
      }
      const exitCode = await within(5 * minutes, run.ended);
      pending.push(async () => {
        const orphans = await run.orphans();
        this.report.orphans += orphans.length;
        for (const orphan of orphans) faults.push(`an orphan: ${orphan}`);
      });
      if (strike?.ending === "SIGKILL") phases = phasesOf(out, pid, rows);
      if (wasRunning) phases.push("a program runs");
      faults.push(...journal.look());
      if (/this is a bug|^ +at /mu.test(run.output())) faults.push(`a stack trace:\n${run.output()}`);
      if (exitCode === undefined) {
        endProcess(pid, "SIGKILL");
        faults.push("it did not end");
      }
      story.push(
        `${command[0]} ${strike ? JSON.stringify(strike) : "to its end"}: ${exitCode}${exitCode === 0 ? "" : `, ${phases.join(", ")}`}`,
      );
      return { exitCode, phases, output: run.output() };
    };

    for (const aim of this.#withHaste(this.#options.aims(draw, runMilliseconds, number), draw)) {
      if (isBeyond(aim.aim, out)) continue;
      const ending = this.#options.ending(draw);
      let wasStruck = false;
      while (commands.length > 0 && !wasStruck && faults.length === 0) {
        const { exitCode, phases, output } = await runOnce(commands[0] ?? [], { aim: aim.aim, ending });
        if (!aim.isHasty) await settle();
        wasStruck = exitCode !== 0;
        if (!wasStruck) commands.shift();
        else if (!exitsOf(ending, phases).includes(exitCode ?? 0)) faults.push(`exit code ${exitCode}:\n${output}`);
        else this.#count(phases, ending);
        if (wasStruck && (ending === "SIGKILL" || ending === "SIGINT twice")) hardKills += 1;
      }
      if (commands.length === 0 || faults.length > 0) break;
    }
    for (const command of faults.length > 0 ? [] : commands) {
      const { exitCode, output } = await runOnce(command);
      if (exitCode !== 0) faults.push(`exit code ${exitCode}:\n${output}`);
    }
    await settle();
    if (faults.length === 0) faults.push(...faultsOfResult(out, reference, variant));

    this.report.runs += 1;
    this.report.rows += journal.rows;
    this.report.lostRows += journal.lost.size;
    if (variant.isServed) {
      const boughtAgain = this.#requests - requestsBefore - journal.rows;
      this.report.boughtAgain += boughtAgain;
      this.report.boughtAgainAtMost += concurrency * hardKills;
      if (boughtAgain > concurrency * hardKills) faults.push(`${boughtAgain} turns bought again`);
    }
    if (faults.length > 0) this.report.faults.push([...faults, ...story].join("\n  "));
    else await rm(join(out, ".."), { recursive: true });
  }

  /** Now and then a run is begun again without waiting, and ended again at once. */
  *#withHaste(aims: readonly Aim[], draw: Draw): Generator<{ aim: Aim; isHasty: boolean }> {
    for (const aim of aims) {
      const isHasty = draw() < 0.15;
      yield { aim, isHasty };
      if (isHasty) yield { aim: { at: "time", milliseconds: Math.floor(draw() * 1000) }, isHasty: false };
    }
  }

  #count(phases: readonly string[], ending: Ending): void {
    const { report } = this;
    report.kills += 1;
    for (const phase of phases) report.phases[phase] = (report.phases[phase] ?? 0) + 1;
    report.endings[ending] = (report.endings[ending] ?? 0) + 1;
  }

  /** A variant's config, and what comes of it undisturbed. */
  async #setting(name: VariantName): Promise<Setting> {
    const known = this.#settings.get(name);
    if (known) return known;
    const variant: Variant = variants[name];
    const folder = join(this.#folder, name);
    const engine = { kind: "vllm", baseUrl: this.#server?.url, model: "replay" };
    const config = await writeWorkload(folder, this.#marker, {
      ...(variant.isServed ? { engine } : {}),
      ...variant.rest,
    });
    const env: NodeJS.ProcessEnv = {
      TMPDIR: this.#temporary,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), "node-compile-cache"),
      ...(variant.withoutBubblewrap ? { PATH: await pathWithoutBubblewrap(join(folder, "path")) } : {}),
    };
    const isPartial = variant.same !== "everything";
    const setting = isPartial
      ? { ...(await this.#setting("embedded")), config, env }
      : { config, env, ...(await this.#leftAlone(variant, config, env)) };
    this.#settings.set(name, setting);
    return setting;
  }

  async #leftAlone(variant: Variant, config: string, env: NodeJS.ProcessEnv) {
    const reference = join(config, "../reference/run");
    const startedAt = performance.now();
    const requestsBefore = this.#requests;
    const run = startAdoptedSctir(["run", config, "--out", reference], { env });
    const exitCode = await run.ended;
    if (exitCode !== 0) throw new Error(`The run that was left alone ended with ${exitCode}:\n${run.output()}`);
    const [orphans, rows] = [await run.orphans(), rowCount(reference)];
    if (orphans.length > 0) throw new Error(`The run that was left alone left ${orphans}`);
    if (variant.isServed && this.#requests - requestsBefore !== rows) throw new Error("Requests are miscounted.");
    return { reference, runMilliseconds: performance.now() - startedAt };
  }
}

function commandsOf({ byStages }: Variant, config: string, out: string): string[][] {
  if (!byStages) return [["run", config, "--out", out]];
  return [["load", out, "--config", config], ...["filter", "generate", "vote", "score"].map((stage) => [stage, out])];
}

async function end(run: AdoptedRun, pid: number, ending: Ending): Promise<void> {
  if (ending === "terminal closed") run.closeTerminal();
  else if (ending !== "SIGINT twice") endProcess(pid, ending);
  else {
    endProcess(pid, "SIGINT");
    await sleep(400); // sooner, it would be taken for an echo of the first
    endProcess(pid, "SIGINT");
  }
}

/** With which codes a run may end. Nobody handles a signal before the command is loaded. */
function exitsOf(ending: Ending, phases: readonly string[]): number[] {
  if (ending === "SIGKILL") return [-constants.signals.SIGKILL];
  const signal = { "SIGINT twice": "SIGINT", "terminal closed": "SIGHUP" }[ending as string] ?? ending;
  return phases.includes("start") ? [130, -constants.signals[signal as NodeJS.Signals]] : [130];
}

async function within<Value>(milliseconds: number, value: Promise<Value>): Promise<Value | undefined> {
  const timeout = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: timeout.signal }).catch(() => undefined);
  const result = await Promise.race([value, late]);
  timeout.abort();
  return result;
}
