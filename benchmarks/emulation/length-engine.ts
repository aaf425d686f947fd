import { TimedModel } from "../../pipeline/adapters/replay-engine/timed-model.ts";
import type { EngineCard } from "../../pipeline/artifacts/engine-card.ts";
import { engineModelOf } from "../../pipeline/core/engine-model/of-card.ts";
import type { Clock, Engine } from "../../pipeline/stages/ports.ts";
import { answer, program } from "../engines/instant-texts.ts";
import type { ProblemLengths } from "./recorded-traces.ts";

/** Who asks for which turn. Problems are numbered. */
export interface TurnKey {
  problem: number;
  candidate: number;
  turn: number;
}

/** An emulated engine that writes turns of given lengths, on a clock. */
export class LengthEngine {
  readonly timed: TimedModel;
  readonly #problems: readonly ProblemLengths[];
  readonly #blockSize: number;
  readonly #numbers = new Map<string, number>();

  constructor(card: EngineCard, problems: readonly ProblemLengths[], clock: Clock) {
    this.timed = new TimedModel(engineModelOf(card), clock);
    this.#problems = problems;
    this.#blockSize = card.blockSize;
  }

  /** Resolves when the turn is written; tells whether a program follows it. */
  async write({ problem, candidate, turn }: TurnKey, signal?: AbortSignal) {
    const lengths = this.#problems[problem];
    const turns = lengths?.traces[candidate]?.turns ?? [];
    const before = turns.slice(0, turn).reduce((sum, { tokens, outputTokens }) => sum + tokens + outputTokens, 0);
    const promptTokens = (lengths?.promptTokens ?? 1) + before;
    const completionTokens = turns[turn]?.tokens ?? 1;
    const sequence = await this.timed.run({
      ...{ promptTokens, completionTokens, signal },
      blockHashes: this.#hashes(problem, candidate, lengths?.promptTokens ?? 1, promptTokens + completionTokens),
    });
    return { sequence, promptTokens, completionTokens, isLast: turn >= turns.length - 1 };
  }

  /** One for each full block: candidates of a problem share those of its prompt. */
  #hashes(problem: number, candidate: number, promptTokens: number, tokens: number): number[] {
    return Array.from({ length: Math.floor(tokens / this.#blockSize) }, (_, block) => {
      const isShared = (block + 1) * this.#blockSize <= promptTokens;
      const name = `${problem}:${isShared ? "" : candidate}:${block}`;
      const known = this.#numbers.get(name) ?? this.#numbers.size;
      this.#numbers.set(name, known);
      return known;
    });
  }

  /** The same behind the port that the generate stage asks. Problem ids end in their numbers. */
  get port(): Engine {
    return {
      connect: async () => ({ kind: "emulated", model: "lengths" }),
      load: async () => ({ cacheTokens: this.timed.model.tokensAtMost }),
      close: async () => {},
      generate: async ({ requestId, signal }) => {
        const [id = "", , candidate, turn] = requestId.split(":");
        const key = { problem: Number(id.replace(/^.*\//u, "")), candidate: Number(candidate), turn: Number(turn) };
        try {
          const { sequence, promptTokens, completionTokens, isLast } = await this.write(key, signal);
          return {
            ...{
              kind: "generation",
              requestId: `${requestId}:0`,
              text: isLast ? answer : program,
              finish: "stop",
            },
            ...(isLast ? {} : { stopString: "```output\n" }),
            tokens: { prompt: promptTokens, completion: completionTokens, cached: sequence.cachedTokens },
            milliseconds: (sequence.finishedAt ?? sequence.addedAt) - sequence.addedAt,
          };
        } catch (error) {
          if (signal?.aborted) return { kind: "aborted" };
          throw error;
        }
      },
    };
  }
}
