import type { CandidateKey } from "../artifacts/identifier.ts";

/**
 * A map from candidates. Nothing is kept of a key but its problem's name: for hundreds of thousands of candidates, keys as
 * texts would take more memory, and more time to make, than most values.
 */
export class ByCandidate<Value> {
  readonly #values = new Map<string, (Value | undefined)[][]>(); // by problemId, replicate and candidate
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ problemId, replicate, candidate }: CandidateKey): Value | undefined {
    return this.#values.get(problemId)?.[replicate]?.[candidate];
  }

  set({ problemId, replicate, candidate }: CandidateKey, value: Value): void {
    let replicates = this.#values.get(problemId);
    if (replicates === undefined) {
      replicates = [];
      this.#values.set(problemId, replicates);
    }
    replicates[replicate] ??= [];
    if (replicates[replicate][candidate] === undefined) this.#size += 1;
    replicates[replicate][candidate] = value;
  }

  delete({ problemId, replicate, candidate }: CandidateKey): void {
    const values = this.#values.get(problemId)?.[replicate];
    if (values?.[candidate] === undefined) return;
    values[candidate] = undefined;
    this.#size -= 1;
  }

  clear(): void {
    this.#values.clear();
    this.#size = 0;
  }

  /** Those of a problem in a replicate, by candidate. */
  group(problemId: string, replicate: number): Value[] {
    return (this.#values.get(problemId)?.[replicate] ?? []).filter((value) => value !== undefined);
  }
}
