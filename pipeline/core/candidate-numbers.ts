import type { CandidateKey } from "../artifacts/identifier.ts";

/**
 * Numbers candidates from 0, in the order in which they are first asked for. Nothing is kept of a key but its problem's name,
 * as texts for hundreds of thousands would take more memory than all that is known of them.
 */
export class CandidateNumbers {
  readonly #numbers = new Map<string, number[][]>(); // by problemId, replicate and candidate
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The candidate's number; a new one where it has none yet. */
  assign({ problemId, replicate, candidate }: CandidateKey): number {
    let replicates = this.#numbers.get(problemId);
    if (replicates === undefined) {
      replicates = [];
      this.#numbers.set(problemId, replicates);
    }
    replicates[replicate] ??= [];
    const numbers = replicates[replicate];
    numbers[candidate] ??= this.#size++;
    return numbers[candidate];
  }

  find({ problemId, replicate, candidate }: CandidateKey): number | undefined {
    return this.#numbers.get(problemId)?.[replicate]?.[candidate];
  }

  /** Those of a problem in a replicate, by candidate. */
  group(problemId: string, replicate: number): number[] {
    return this.#numbers.get(problemId)?.[replicate]?.filter((number) => number !== undefined) ?? []; // gaps are left out
  }
}
