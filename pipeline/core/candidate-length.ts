import { candidateKey } from "../artifacts/identifier.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";

/** How long a candidate is, in tokens: means over candidates. */
export interface CandidateLength {
  promptTokens: number;
  turns: number;
  tokensPerTurn: number; // that the model writes
  outputTokens: number; // that come back after a turn: a program's output with its fence
}

/**
 * What to expect where nothing was measured. 1,285 traces of a 7B DeepSeekMath model on problems of the first AIMO Progress
 * Prize that ran a program had 2.7 messages of 1,200 characters each, about 400 tokens. A chain of thought is taken to
 * be as long as two of them.
 */
export function assumedLength({ strategy, sampling }: Pick<RunConfig, "strategy" | "sampling">): CandidateLength {
  const { turns, tokensPerTurn } = {
    "sc-tir": { turns: 2.7, tokensPerTurn: 400 },
    cot: { turns: 1, tokensPerTurn: 800 },
    "single-step": { turns: 1, tokensPerTurn: 400 },
  }[strategy];
  return {
    promptTokens: 200,
    turns: Math.min(turns, sampling.depth),
    tokensPerTurn: Math.min(tokensPerTurn, sampling.maxTokens),
    outputTokens: 40,
  };
}

/** Measures the lengths of an earlier run's candidates from its turns, in any order of candidates. */
export class LengthMeter {
  readonly #ends = new Map<string, { turn: number; tokens: number }>();
  #turns = 0;
  #promptTokens = 0;
  #completionTokens = 0;
  #outputs = 0;
  #outputTokens = 0;

  add(row: Pick<Turn, "problemId" | "replicate" | "candidate" | "turn" | "tokens">): void {
    const key = candidateKey(row);
    const before = this.#ends.get(key);
    const { prompt, completion } = row.tokens;
    this.#turns += 1;
    this.#completionTokens += completion;
    if (before === undefined) this.#promptTokens += prompt;
    // A candidate that began anew has a shorter prompt than it had written.
    else if (prompt >= before.tokens) {
      this.#outputs += 1;
      this.#outputTokens += prompt - before.tokens;
    }
    this.#ends.set(key, { turn: row.turn, tokens: prompt + completion });
  }

  /** Undefined without any turn. */
  get length(): (CandidateLength & { candidates: number }) | undefined {
    const candidates = this.#ends.size;
    if (candidates === 0) return undefined;
    return {
      candidates,
      promptTokens: this.#promptTokens / candidates,
      turns: this.#turns / candidates,
      tokensPerTurn: this.#completionTokens / this.#turns,
      outputTokens: this.#outputs === 0 ? 0 : this.#outputTokens / this.#outputs,
    };
  }
}
