import { turnsFile } from "../artifacts/artifact-file.ts";
import { type CandidateKey, candidateKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { shownDifferences } from "../core/differences.ts";
import type { Check } from "../core/verification.ts";
import type { LinePlace } from "./artifact-reader.ts";
import type { PythonSandbox } from "./ports.ts";
import { type Execute, programRequest, recordedExecution } from "./reason.ts";
import type { JournalRules } from "./verify-journal.ts";

interface ProgramRerunsOptions {
  check: Check;
  sandbox: PythonSandbox;
  /** Programs in flight or waiting for a worker. */
  atMost: number;
  /** What becomes of a program that prints something else than in the journal. */
  isStrict: boolean;
  signal: AbortSignal;
}

/** Runs the programs of a journal again, many at a time, those of one candidate one after the other. */
export class ProgramReruns {
  /** Programs that have been run. */
  done = 0;
  readonly #options: ProgramRerunsOptions;
  readonly #last = new Map<string, Promise<void>>(); // by candidate, while one of its programs is in flight
  #inFlight = 0;

  constructor(options: ProgramRerunsOptions) {
    this.#options = options;
  }

  /** Takes a turn's program in; resolves once there is room for another one. */
  async add(line: LinePlace & { row: Turn }, program: Execute, judge: JournalRules): Promise<void> {
    while (this.#inFlight >= this.#options.atMost) await Promise.race(this.#last.values());
    this.#inFlight += 1;
    this.#afterLast(line.row, async () => {
      await this.#run(line, program, judge);
      this.#inFlight -= 1;
    });
  }

  /** No more programs of this candidate will come. */
  endCandidate(key: CandidateKey): void {
    this.#afterLast(key, async () => this.#options.sandbox.endSession(candidateKey(key)));
  }

  /** Waits for all of them. */
  async finish(): Promise<void> {
    await Promise.all(this.#last.values());
  }

  #afterLast(row: CandidateKey, work: () => Promise<void>): void {
    const key = candidateKey(row);
    const next = (this.#last.get(key) ?? Promise.resolve()).then(work).then(() => {
      if (this.#last.get(key) === next) this.#last.delete(key);
    });
    next.catch(() => {}); // whoever waits hears of it: a failed one stays in the map
    this.#last.set(key, next);
  }

  async #run({ row, number, byte }: LinePlace & { row: Turn }, program: Execute, judge: JournalRules): Promise<void> {
    const { check, sandbox, isStrict, signal } = this.#options;
    const { config, rules } = judge;
    const result = await sandbox.execute({ ...programRequest(row, program, config, rules), signal });
    const here = recordedExecution(result, program, config, rules);
    this.done += 1;
    const { outcome, output } = row.execution ?? {};
    const [difference] = shownDifferences({ outcome: here.outcome, output: here.output }, { outcome, output });
    if (difference === undefined) return check.hold();
    const place = { file: turnsFile.name, line: number, byte, row: `${candidateKey(row)}, turn ${row.turn}` };
    const fault = { ...place, ...difference, field: `execution.${difference.field}` };
    if (isStrict) check.fault(fault);
    else check.differ("programs do something else here than in the journal", fault);
  }
}
