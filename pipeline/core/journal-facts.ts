import { hash } from "node:crypto";
import { type ExecutionOutcome, executionOutcomes } from "../artifacts/execution.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import { type Turn, turnFinishes } from "../artifacts/turn.ts";
import { CandidateNumbers } from "./candidate-numbers.ts";
import { NumberColumn } from "./number-column.ts";

export interface Ending {
  finish: Turn["finish"] | undefined;
  execution: ExecutionOutcome | undefined;
}

const digestWords = 3; // of 32 bits each
const turnsInMask = 32;

/**
 * The journal's rows, in any order, boiled down to what a summary needs of each candidate. A candidate takes a line in
 * columns of numbers: there may be hundreds of thousands.
 */
export class JournalFacts {
  readonly #lines = new CandidateNumbers();
  /** One bit for each of the first turns that were seen; the others by line and turn. */
  readonly #turns = new NumberColumn(Uint32Array);
  readonly #laterTurns = new Set<string>();
  readonly #digests = new NumberColumn(Uint32Array); // digestWords in a row
  readonly #lastTurn = new NumberColumn(Int32Array); // counted from 1; 0 is none
  readonly #lastFinish = new NumberColumn(Uint8Array);
  readonly #lastExecutionTurn = new NumberColumn(Int32Array); // the same
  readonly #lastExecution = new NumberColumn(Uint8Array);
  readonly #executions = new NumberColumn(Uint32Array); // a count for each outcome in a row
  readonly #truncated = new NumberColumn(Uint32Array); // turns that the token limit ended
  readonly #diverged = new Set<number>(); // whose session was rebuilt, and earlier blocks gave other outputs
  readonly #missingModules = new Map<number, string[]>(); // one for each execution that ended for want of one

  /** False if its candidate has that turn already. */
  add(row: Turn): boolean {
    const { turn, text, finish, execution } = row;
    const line = this.#lines.assign(row);
    if (!this.#isFirst(line, turn)) return false;
    this.#addDigest(line, turn, text);
    if (finish === "length") this.#truncated.add(line, 1);
    if (turn >= this.#lastTurn.at(line)) {
      this.#lastTurn.set(line, turn + 1);
      this.#lastFinish.set(line, turnFinishes.indexOf(finish));
    }
    if (execution === undefined) return true;
    const outcome = executionOutcomes.indexOf(execution.outcome);
    this.#executions.add(line * executionOutcomes.length + outcome, 1);
    if (turn >= this.#lastExecutionTurn.at(line)) {
      this.#lastExecutionTurn.set(line, turn + 1);
      this.#lastExecution.set(line, outcome);
    }
    if (execution.rebuilt === "diverged") this.#diverged.add(line);
    if (execution.missingModule !== undefined) {
      this.#missingModules.set(line, [...(this.#missingModules.get(line) ?? []), execution.missingModule]);
    }
    return true;
  }

  /** How the candidate's last turn ended, and its last execution; undefined for one without a turn. */
  ending(key: CandidateKey): Ending | undefined {
    const line = this.#lines.find(key);
    if (line === undefined) return undefined;
    const hasExecution = this.#lastExecutionTurn.at(line) > 0;
    return {
      finish: turnFinishes[this.#lastFinish.at(line)],
      execution: hasExecution ? executionOutcomes[this.#lastExecution.at(line)] : undefined,
    };
  }

  /** Equal for candidates whose turns have the same texts; undefined for one without a turn. */
  fingerprint(key: CandidateKey): string | undefined {
    const line = this.#lines.find(key);
    if (line === undefined) return undefined;
    const first = line * digestWords;
    return `${this.#digests.at(first)}:${this.#digests.at(first + 1)}:${this.#digests.at(first + 2)}`;
  }

  /** How many of these candidates went on in a session that is not the one their outputs came from. */
  divergedSessions(keys: readonly CandidateKey[]): number {
    return this.#linesOf(keys).filter((line) => this.#diverged.has(line)).length;
  }

  /** For each of these candidates that lacked any, the modules that its executions ended for want of. */
  missingModules(keys: readonly CandidateKey[]): string[][] {
    return this.#linesOf(keys).flatMap((line) => {
      const modules = this.#missingModules.get(line);
      return modules ? [modules] : [];
    });
  }

  /** Executions by outcome and turns cut off by the token limit, summed over these candidates. */
  totals(keys: readonly CandidateKey[]): { executions: Record<ExecutionOutcome, number>; truncatedTurns: number } {
    const executions = zeros(executionOutcomes);
    let truncatedTurns = 0;
    for (const line of this.#linesOf(keys)) {
      truncatedTurns += this.#truncated.at(line);
      for (const [index, outcome] of executionOutcomes.entries()) {
        executions[outcome] += this.#executions.at(line * executionOutcomes.length + index);
      }
    }
    return { executions, truncatedTurns };
  }

  #linesOf(keys: readonly CandidateKey[]): number[] {
    return keys.map((key) => this.#lines.find(key)).filter((line) => line !== undefined);
  }

  #isFirst(line: number, turn: number): boolean {
    if (turn < turnsInMask) {
      const seen = this.#turns.at(line);
      const bit = (1 << turn) >>> 0;
      this.#turns.set(line, (seen | bit) >>> 0);
      return (seen & bit) === 0;
    }
    const later = `${line}:${turn}`;
    if (this.#laterTurns.has(later)) return false;
    this.#laterTurns.add(later);
    return true;
  }

  /** The digest of a candidate is the sum, word by word, of its turns' digests, so that they may come in any order. */
  #addDigest(line: number, turn: number, text: string): void {
    const digest = hash("sha256", `${turn}:${text}`, "hex");
    for (let word = 0; word < digestWords; word += 1) {
      this.#digests.add(line * digestWords + word, Number.parseInt(digest.slice(8 * word, 8 * word + 8), 16));
    }
  }
}

/** A count of nothing yet, for every name of a closed list. */
export function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
