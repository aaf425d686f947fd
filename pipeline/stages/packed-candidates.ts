import { type Candidate, candidateOutcomes } from "../artifacts/candidate.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import { CandidateNumbers } from "../core/candidate-numbers.ts";
import { NumberColumn } from "../core/number-column.ts";

/**
 * Candidates by key, packed, as a run has hundreds of thousands: each is a line in columns of numbers, about sixty bytes
 * where an object takes three hundred. They are unpacked when they are looked at.
 */
export class PackedCandidates {
  readonly #lines = new CandidateNumbers();
  readonly #problem = new NumberColumn(Int32Array);
  readonly #replicate = new NumberColumn(Int32Array);
  readonly #candidate = new NumberColumn(Int32Array);
  readonly #outcome = new NumberColumn(Uint8Array);
  readonly #rawAnswer = new NumberColumn(Int32Array);
  readonly #answer = new NumberColumn(Int32Array);
  readonly #turns = new NumberColumn(Float64Array);
  readonly #promptTokens = new NumberColumn(Float64Array);
  readonly #completionTokens = new NumberColumn(Float64Array);
  readonly #milliseconds = new NumberColumn(Float64Array);
  readonly #meta = new NumberColumn(Int32Array);
  readonly #texts = new Numbered<string>();
  readonly #metas = new Numbered<Record<string, unknown>>(); // by their JSON

  get size(): number {
    return this.#lines.size;
  }

  /** Adds a candidate, or puts it in the place of the one with its key. Returns its line, from 0. */
  set(row: Candidate): number {
    const line = this.#lines.assign(row);
    this.#problem.set(line, this.#texts.number(row.problemId, row.problemId));
    this.#replicate.set(line, row.replicate);
    this.#candidate.set(line, row.candidate);
    this.#outcome.set(line, candidateOutcomes.indexOf(row.outcome));
    this.#rawAnswer.set(line, this.#texts.number(row.rawAnswer, row.rawAnswer));
    this.#answer.set(line, this.#texts.number(row.answer, row.answer));
    this.#turns.set(line, row.turns);
    this.#promptTokens.set(line, row.tokens.prompt);
    this.#completionTokens.set(line, row.tokens.completion);
    this.#milliseconds.set(line, row.milliseconds);
    this.#meta.set(line, this.#metas.number(row.meta && JSON.stringify(row.meta), row.meta));
    return line;
  }

  has(key: CandidateKey): boolean {
    return this.#lines.find(key) !== undefined;
  }

  get(key: CandidateKey): Candidate | undefined {
    const line = this.#lines.find(key);
    return line === undefined ? undefined : this.at(line);
  }

  at(line: number): Candidate {
    const row: Candidate = {
      problemId: this.#texts.value(this.#problem.at(line)) ?? "",
      replicate: this.#replicate.at(line),
      candidate: this.#candidate.at(line),
      outcome: candidateOutcomes[this.#outcome.at(line)] ?? "no-answer",
      turns: this.#turns.at(line),
      tokens: { prompt: this.#promptTokens.at(line), completion: this.#completionTokens.at(line) },
      milliseconds: this.#milliseconds.at(line),
    };
    const rawAnswer = this.#texts.value(this.#rawAnswer.at(line));
    const answer = this.#texts.value(this.#answer.at(line));
    const meta = this.#metas.value(this.#meta.at(line));
    if (rawAnswer !== undefined) row.rawAnswer = rawAnswer;
    if (answer !== undefined) row.answer = answer;
    if (meta !== undefined) row.meta = meta;
    return row;
  }

  /** The lines of a problem's candidates in a replicate, by candidate number. */
  group(problemId: string, replicate: number): number[] {
    return this.#lines.group(problemId, replicate);
  }
}

/** Values by number, of which those that are the same as text have the same; 0 is none. */
class Numbered<Value> {
  readonly #values: (Value | undefined)[] = [undefined];
  readonly #numbers = new Map<string, number>(); // by text

  number(text: string | undefined, value: Value | undefined): number {
    if (text === undefined) return 0;
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#values.push(value) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  value(number: number): Value | undefined {
    return this.#values[number];
  }
}
