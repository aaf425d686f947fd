import type { EngineCard } from "../../../pipeline/artifacts/engine-card.ts";
import type { Clock } from "../../../pipeline/stages/ports.ts";

/** A clock that a test moves on. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Fires what is due up to then, in order. */
  moveTo(moment: number): void {
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= moment).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = moment;
  }
}

/** A small engine whose every step takes 10 ms and next to nothing besides: its GPU is all but infinitely fast. */
export function cardOf(fields: Partial<EngineCard> = {}): EngineCard {
  const certain = { low: 1, middle: 1, high: 1 };
  return {
    ...{ name: "small", title: "a small engine", gpuCount: 1, source: "made up" },
    gpu: {
      ...{ name: "fast", memoryGiB: 1, gigabytesPerSecond: 1e12, teraflops: 1e12, computeCapability: 9 },
      ...{ reached: { bandwidth: certain, compute: certain }, stepMilliseconds: 10, source: "made up" },
      allReduce: { microseconds: 0, gigabytesPerSecond: 1e12 },
    },
    model: {
      ...{ layers: 1, attentionHeads: 1, keyValueHeads: 1, headDimension: 64, hiddenSize: 64, intermediateSize: 64 },
      ...{ vocabulary: 100, tiedEmbeddings: false, parameters: 1_000_000 },
    },
    weights: { bits: 16 },
    ...{ keyValueBytes: 2, memoryUtilization: 1, reservedGiB: 0, maxModelLen: 4096 },
    ...{ maxSequences: 8, maxBatchedTokens: 256, blockSize: 16 },
    ...fields,
  };
}
