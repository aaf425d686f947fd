import { type Candidate, candidateOutcomes } from "../artifacts/candidate.ts";
import { type ExecutionOutcome, executionOutcomes } from "../artifacts/execution.ts";
import { metaMilliseconds } from "../artifacts/identifier.ts";
import { NumberColumn } from "../core/number-column.ts";

/**
 * A candidate without its raw answer; of `meta` only what the vote and the account of time look at. `weight`: what its
 * ballot weighs under the run's vote rule, where that is not the majority.
 */
export type TableCandidate = Omit<Candidate, "rawAnswer" | "meta"> & {
  weight?: number;
  meta?: { pruned?: true; lostMilliseconds?: number; lastExecution?: ExecutionOutcome };
};

/** Candidates, each a line in columns of numbers: there may be hundreds of thousands. Problems and answers are numbered. */
export class CandidateColumns {
  readonly #problem = new NumberColumn(Int32Array);
  readonly #replicate = new NumberColumn(Int32Array);
  readonly #candidate = new NumberColumn(Int32Array);
  readonly #outcome = new NumberColumn(Uint8Array);
  readonly #answer = new NumberColumn(Int32Array); // from 1; 0: none
  readonly #turns = new NumberColumn(Float64Array);
  readonly #promptTokens = new NumberColumn(Float64Array);
  readonly #completionTokens = new NumberColumn(Float64Array);
  readonly #milliseconds = new NumberColumn(Float64Array);
  readonly #isPruned = new NumberColumn(Uint8Array);
  readonly #lostMilliseconds = new NumberColumn(Float64Array);
  readonly #lastExecution = new NumberColumn(Uint8Array); // from 1; 0: none
  readonly #weight = new NumberColumn(Float64Array); // NaN: none
  readonly #answers: string[] = [];
  readonly #answerNumbers = new Map<string, number>();
  readonly #problemIds: readonly string[];
  #lines: number[] = [];

  /** `problemIds`: the problems that are numbered, from 0. */
  constructor(problemIds: readonly string[]) {
    this.#problemIds = problemIds;
  }

  add(problem: number, row: Candidate, weight: number | undefined): void {
    const { replicate, candidate, outcome, answer, turns, tokens, milliseconds, meta } = row;
    this.#problem.push(problem);
    this.#replicate.push(replicate);
    this.#candidate.push(candidate);
    this.#outcome.push(candidateOutcomes.indexOf(outcome));
    this.#answer.push(answer === undefined ? 0 : this.#answerNumber(answer));
    this.#turns.push(turns);
    this.#promptTokens.push(tokens.prompt);
    this.#completionTokens.push(tokens.completion);
    this.#milliseconds.push(milliseconds);
    this.#isPruned.push(meta?.pruned === true ? 1 : 0);
    this.#lostMilliseconds.push(metaMilliseconds(meta, "lostMilliseconds"));
    this.#lastExecution.push(1 + executionOutcomes.indexOf(meta?.lastExecution as ExecutionOutcome));
    this.#weight.push(weight ?? Number.NaN);
  }

  /** Puts the lines in order of problem number, replicate and candidate. Returns a candidate that stands there twice, if any does. */
  sort(): TableCandidate | undefined {
    this.#lines = Array.from({ length: this.#problem.length }, (_, line) => line);
    this.#lines.sort((a, b) => this.#compare(a, b)); // takes next to no time where they are in order
    const repeat = this.#lines.find(
      (line, place) => place > 0 && this.#compare(this.#lines[place - 1] ?? line, line) === 0,
    );
    return repeat === undefined ? undefined : this.#row(repeat);
  }

  /** Of sorted lines: the candidates of a problem in a replicate. */
  group(problem: number, replicate: number): TableCandidate[] {
    const rank = (line: number) => this.#problem.at(line) - problem || this.#replicate.at(line) - replicate;
    let [first, end] = [0, this.#lines.length];
    while (first < end) {
      const middle = Math.floor((first + end) / 2);
      if (rank(this.#lines[middle] ?? 0) < 0) first = middle + 1;
      else end = middle;
    }
    const rows: TableCandidate[] = [];
    for (let place = first; place < this.#lines.length; place += 1) {
      const line = this.#lines[place] ?? 0;
      if (rank(line) !== 0) break;
      rows.push(this.#row(line));
    }
    return rows;
  }

  /** Negative where one line's candidate comes before the other's, 0 where they are the same candidate. */
  #compare(a: number, b: number): number {
    return (
      this.#problem.at(a) - this.#problem.at(b) ||
      this.#replicate.at(a) - this.#replicate.at(b) ||
      this.#candidate.at(a) - this.#candidate.at(b)
    );
  }

  #row(line: number): TableCandidate {
    const row: TableCandidate = {
      problemId: this.#problemIds[this.#problem.at(line)] ?? "",
      replicate: this.#replicate.at(line),
      candidate: this.#candidate.at(line),
      outcome: candidateOutcomes[this.#outcome.at(line)] ?? "no-answer",
      turns: this.#turns.at(line),
      tokens: { prompt: this.#promptTokens.at(line), completion: this.#completionTokens.at(line) },
      milliseconds: this.#milliseconds.at(line),
    };
    const answer = this.#answers[this.#answer.at(line) - 1];
    if (answer !== undefined) row.answer = answer;
    const isPruned = this.#isPruned.at(line) === 1;
    const lostMilliseconds = this.#lostMilliseconds.at(line);
    const lastExecution = executionOutcomes[this.#lastExecution.at(line) - 1];
    if (isPruned || lostMilliseconds !== 0 || lastExecution !== undefined) {
      row.meta = {
        ...(isPruned ? { pruned: true } : {}),
        ...(lostMilliseconds === 0 ? {} : { lostMilliseconds }),
        ...(lastExecution === undefined ? {} : { lastExecution }),
      };
    }
    const weight = this.#weight.at(line);
    if (!Number.isNaN(weight)) row.weight = weight;
    return row;
  }

  #answerNumber(answer: string): number {
    let number = this.#answerNumbers.get(answer);
    if (number === undefined) {
      number = this.#answers.push(answer);
      this.#answerNumbers.set(answer, number);
    }
    return number;
  }
}
