import type { CandidateKey } from "../artifacts/identifier.ts";
import { ByCandidate } from "./by-candidate.ts";

/** Numbers candidates from 0, in the order in which they are first asked for. */
export class CandidateNumbers {
  readonly #numbers = new ByCandidate<number>();

  get size(): number {
    return this.#numbers.size;
  }

  /** The candidate's number; a new one where it has none yet. */
  assign(key: CandidateKey): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.size;
    this.#numbers.set(key, number);
    return number;
  }

  find(key: CandidateKey): number | undefined {
    return this.#numbers.get(key);
  }

  /** Those of a problem in a replicate, by candidate. */
  group(problemId: string, replicate: number): number[] {
    return this.#numbers.group(problemId, replicate);
  }
}
