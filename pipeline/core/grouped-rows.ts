import type { CandidateKey } from "../artifacts/identifier.ts";
import { NumberColumn } from "./number-column.ts";

/** What is voted on together: a problem in one replicate. */
type GroupKey = Pick<CandidateKey, "problemId" | "replicate">;

const none = new Int32Array(0);

/** Which rows belong to which vote group, where rows are numbered from 0 as they come, and those of a group need not come together. */
export class GroupedRows {
  readonly #numbers = new Map<string, number[]>(); // of groups, by problemId and replicate
  readonly #groups = new NumberColumn(Int32Array); // by row
  #count = 0; // of groups
  #index: { rows: Int32Array; ends: Int32Array } | undefined;

  /** The next row, which is one of this group. */
  add({ problemId, replicate }: GroupKey): void {
    let numbers = this.#numbers.get(problemId);
    if (numbers === undefined) {
      numbers = [];
      this.#numbers.set(problemId, numbers);
    }
    numbers[replicate] ??= this.#count++;
    this.#index = undefined;
    this.#groups.push(numbers[replicate]);
  }

  /** The group's rows, ascending. */
  rowsOf({ problemId, replicate }: GroupKey): Int32Array {
    const number = this.#numbers.get(problemId)?.[replicate];
    if (number === undefined) return none;
    this.#index ??= this.#sorted();
    const { rows, ends } = this.#index;
    return rows.subarray(ends[number - 1] ?? 0, ends[number]);
  }

  /** All rows, one group after the other. */
  all(): Int32Array {
    this.#index ??= this.#sorted();
    return this.#index.rows;
  }

  /** A counting sort: all rows, one group after the other, and where each group ends. */
  #sorted() {
    const places = new Int32Array(this.#count); // where the next row of each group goes
    for (let row = 0; row < this.#groups.length; row += 1) {
      const next = this.#groups.at(row) + 1;
      if (next < places.length) places[next] = (places[next] ?? 0) + 1;
    }
    for (let group = 1; group < places.length; group += 1) {
      places[group] = (places[group] ?? 0) + (places[group - 1] ?? 0);
    }
    const rows = new Int32Array(this.#groups.length);
    for (let row = 0; row < rows.length; row += 1) {
      const group = this.#groups.at(row);
      const place = places[group] ?? 0;
      rows[place] = row;
      places[group] = place + 1;
    }
    return { rows, ends: places };
  }
}
