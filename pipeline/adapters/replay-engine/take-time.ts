import type { Sequence } from "../../core/engine-model/engine-model.ts";
import { overContext } from "../vllm-server/protocol-error.ts";
import { blockHashes } from "./block-hashes.ts";
import type { Choice } from "./generate.ts";
import type { TimedModel } from "./timed-model.ts";

interface Watching {
  signal?: AbortSignal | undefined;
  onTokens?: (produced: number) => void;
}

/** Resolves when the model has generated a choice. One that its cache cannot hold is refused as too long. */
export async function takeTime(
  { promptTokens, completionTokens, segments }: Choice,
  timed: TimedModel,
  watching: Watching,
): Promise<Sequence> {
  const { tokensAtMost, limits } = timed.model;
  const tokens = { promptTokens: Math.max(1, promptTokens), completionTokens: Math.max(1, completionTokens) };
  if (tokens.promptTokens + tokens.completionTokens > tokensAtMost) throw overContext(tokensAtMost);
  return timed.run({ ...tokens, blockHashes: blockHashes(segments, limits.blockSize), ...watching });
}

/** A choice that is generated while it is sent. */
export class Pace {
  readonly finished: Promise<Sequence | undefined>;
  #produced = 0;
  #more = Promise.withResolvers<void>();

  /** Without a model, all tokens are there at once. */
  constructor(choice: Choice, timed: TimedModel | undefined, signal: AbortSignal) {
    const onTokens = (produced: number) => {
      this.#produced = produced;
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    };
    this.finished = timed ? takeTime(choice, timed, { signal, onTokens }) : Promise.resolve(undefined);
    this.finished.catch(() => {}); // whoever waits hears of it
  }

  /** Resolves once there are so many tokens, or no more will come; rejects if the request is given up. */
  async reach(tokens: number): Promise<void> {
    let isFinished = false;
    const finished = this.finished.then(() => {
      isFinished = true;
    });
    while (this.#produced < tokens && !isFinished) await Promise.race([this.#more.promise, finished]);
  }
}
