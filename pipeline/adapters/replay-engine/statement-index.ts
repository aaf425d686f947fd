import type { RecordedProblem } from "./recordings.ts";

/** A recorded statement within a prompt. */
export interface Occurrence {
  problem: RecordedProblem;
  start: number;
  end: number;
}

const windowLength = 12; // characters; shorter statements are looked for one by one

/** Finds recorded statements in a prompt: one table look-up per character of the prompt, however many are recorded. */
export class StatementIndex {
  readonly #byBeginning = new Map<string, RecordedProblem[]>();
  readonly #short: RecordedProblem[] = [];

  constructor(problems: readonly RecordedProblem[]) {
    for (const problem of problems) {
      if (problem.statement.length < windowLength) {
        this.#short.push(problem);
        continue;
      }
      const beginning = problem.statement.slice(0, windowLength);
      const others = this.#byBeginning.get(beginning);
      if (others) others.push(problem);
      else this.#byBeginning.set(beginning, [problem]);
    }
  }

  /** The statements that stand in the prompt, the longest first; each where it stands first. */
  find(prompt: string): Occurrence[] {
    const found = new Map<RecordedProblem, Occurrence>();
    for (let start = 0; start <= prompt.length - windowLength; start++) {
      for (const problem of this.#byBeginning.get(prompt.slice(start, start + windowLength)) ?? []) {
        if (!found.has(problem) && prompt.startsWith(problem.statement, start)) {
          found.set(problem, { problem, start, end: start + problem.statement.length });
        }
      }
    }
    for (const problem of this.#short) {
      const start = prompt.indexOf(problem.statement);
      if (start >= 0) found.set(problem, { problem, start, end: start + problem.statement.length });
    }
    return [...found.values()].sort(longestFirst);
  }

  /** The statements that stand at an offset of the prompt, the longest first. */
  at(prompt: string, start: number): Occurrence[] {
    return [...(this.#byBeginning.get(prompt.slice(start, start + windowLength)) ?? []), ...this.#short]
      .filter(({ statement }) => prompt.startsWith(statement, start))
      .map((problem) => ({ problem, start, end: start + problem.statement.length }))
      .sort(longestFirst);
  }
}

function longestFirst(a: Occurrence, b: Occurrence): number {
  return b.end - b.start - (a.end - a.start) || a.start - b.start;
}
