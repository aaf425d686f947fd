import { BlockPool } from "./block-pool.ts";

/** What vLLM is started with, and what its memory gives. */
export interface EngineLimits {
  maxSequences: number; // that run at once: --max-num-seqs
  maxBatchedTokens: number; // computed in one step: --max-num-batched-tokens
  blockSize: number; // tokens of a KV block
  blocks: number; // of the KV cache, one of which vLLM keeps for itself
}

/** What one step computes. */
export interface StepBatch {
  promptTokens: number; // of prompts, or of texts that are computed again
  sequences: number; // that decode one token each
  contextTokens: number; // in the KV cache, read for those sequences, in all
}

export interface ModelRequest {
  promptTokens: number;
  completionTokens: number; // until it ends; the scheduler does not look ahead
  /** One for each full block of prompt and completion, standing for all of the text up to the block's end. */
  blockHashes: readonly number[];
}

/** A request within the model. All times are milliseconds. */
export interface Sequence extends Readonly<ModelRequest> {
  readonly addedAt: number;
  readonly produced: number; // tokens so far
  readonly cachedTokens: number; // of the prompt, found in the cache when it first ran
  readonly preemptions: number;
  readonly firstTokenAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface EngineState {
  running: number;
  waiting: number;
  kvUsage: number; // 0 to 1
  preemptions: number;
  promptTokens: number; // computed or found in the cache, each prompt once
  generatedTokens: number;
  recomputedTokens: number; // after preemptions
  cacheQueries: number; // prompt tokens that were looked for in the prefix cache
  cacheHits: number; // and those that were found
  steps: number;
  busyMilliseconds: number; // in steps that have ended
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
interface Running extends Mutable<Sequence> {
  blocks: number[];
  computed: number; // tokens in the KV cache
  scheduled: number; // tokens that the step in progress computes
  published: number; // blocks that later requests can find
}

/**
 * A timing model of vLLM's V1 scheduler (vllm/v1/core/sched/scheduler.py): continuous batching, first come first served,
 * prompts computed in chunks within the step's token budget, a KV cache of blocks with prefix caching. Where blocks run
 * out, the running request that was admitted last is thrown out and computed again later.
 *
 * It has no clock. `advance` brings it to a moment; `nextAt` says when that is worth doing. Its state is a function of
 * the calls so far, whose times never decrease. Requests added at one moment begin in one step, in the order of the calls.
 */
export class EngineModel {
  readonly limits: EngineLimits;
  readonly #stepMilliseconds: (batch: StepBatch) => number;
  readonly #pool: BlockPool;
  #waiting: Running[] = [];
  #running: Running[] = [];
  #step: { batch: StepBatch; milliseconds: number; endsAt: number } | undefined;
  #freeAt = 0; // when the last step ended, or the first request after a pause came
  #nextAt: number | undefined; // as long as nothing changes
  #finished: Sequence[] = [];
  readonly #totals = {
    ...{ preemptions: 0, promptTokens: 0, generatedTokens: 0, recomputedTokens: 0 },
    ...{ cacheQueries: 0, cacheHits: 0, steps: 0, busyMilliseconds: 0 },
  };

  constructor(limits: EngineLimits, stepSeconds: (batch: StepBatch) => number) {
    this.limits = limits;
    this.#stepMilliseconds = (batch) => 1000 * stepSeconds(batch);
    this.#pool = new BlockPool(this.#blocksForRequests);
  }

  /** Tokens of prompt and completion that fit. A longer request would never end, and cannot be added. */
  get tokensAtMost(): number {
    return this.#blocksForRequests * this.limits.blockSize;
  }

  /** Puts a request at the end of the queue. */
  add(request: ModelRequest, now: number): Sequence {
    const tokens = request.promptTokens + request.completionTokens;
    if (tokens > this.tokensAtMost || request.promptTokens < 1 || request.completionTokens < 1) {
      throw new RangeError(`a request of ${request.promptTokens} + ${request.completionTokens} tokens`);
    }
    this.#advance(now, false);
    const sequence: Running = {
      ...request,
      ...{ addedAt: now, produced: 0, cachedTokens: 0, preemptions: 0, firstTokenAt: undefined, finishedAt: undefined },
      ...{ blocks: [], computed: 0, scheduled: 0, published: 0 },
    };
    if (this.#isIdle) this.#freeAt = Math.max(this.#freeAt, now);
    this.#waiting.push(sequence);
    this.#nextAt = undefined;
    return sequence;
  }

  /** Takes a request out, whatever its state, and frees its blocks at once. The step in progress takes as long. */
  abort(sequence: Sequence, now: number): void {
    this.#advance(now, false);
    const isIt = (other: Running) => other === sequence;
    for (const list of [this.#waiting, this.#running]) {
      const index = list.findIndex(isIt);
      const [found] = index < 0 ? [] : list.splice(index, 1);
      if (found) this.#pool.release(found.blocks);
    }
    this.#nextAt = undefined;
  }

  /** Runs to a moment. Gives the requests that have finished since the last call, in order of time. */
  advance(now: number): Sequence[] {
    this.#advance(now, true);
    return this.#finished.splice(0);
  }

  /**
   * The moment up to which nothing will finish unless a request comes or goes; undefined where there is none. It is
   * some step's end, not always one at which something finishes. `everyStep` gives the end of the step in progress.
   */
  nextAt({ everyStep = false } = {}): number | undefined {
    if (this.#finished.length > 0) return this.#finished[0]?.finishedAt;
    if (!this.#step) return this.#isIdle ? undefined : this.#freeAt;
    if (everyStep) return this.#step.endsAt;
    this.#nextAt ??= this.#endOfQuiet(this.#step);
    return this.#nextAt;
  }

  /** How it stands at a moment [that of the last call]. */
  state(now = Number.NEGATIVE_INFINITY): EngineState {
    this.#advance(now, false);
    return {
      running: this.#running.length,
      waiting: this.#waiting.length,
      kvUsage: (this.#blocksForRequests - this.#pool.free) / this.#blocksForRequests,
      ...this.#totals,
    };
  }

  /** All but vLLM's null block (vllm/v1/core/block_pool.py), a placeholder that is never given out. */
  get #blocksForRequests(): number {
    return this.limits.blocks - 1;
  }

  get #isIdle(): boolean {
    return this.#running.length + this.#waiting.length === 0;
  }

  /** Ends the steps that end by `now`. A step that would begin at `now` itself begins only if it `begins`. */
  #advance(now: number, begins: boolean): void {
    for (;;) {
      if (this.#step) {
        if (this.#step.endsAt > now) return;
        this.#endStep(this.#step);
      } else {
        if (this.#isIdle || this.#freeAt > now || (this.#freeAt === now && !begins)) return;
        this.#beginStep();
      }
    }
  }

  #beginStep(): void {
    const batch = { promptTokens: 0, sequences: 0, contextTokens: 0 };
    let budget = this.limits.maxBatchedTokens;
    const take = (sequence: Running, tokens: number) => {
      budget -= tokens;
      sequence.scheduled = tokens;
      this.#publish(sequence);
      if (tokens === 1 && sequence.produced > 0) {
        batch.sequences += 1;
        batch.contextTokens += sequence.computed;
      } else {
        batch.promptTokens += tokens;
      }
    };

    let isShort = false;
    for (let index = 0; index < this.#running.length && budget > 0; index += 1) {
      const sequence = this.#running[index];
      if (!sequence) break;
      const tokens = Math.min(missing(sequence), budget);
      while (sequence.blocks.length < this.#blocksFor(sequence.computed + tokens)) {
        if (this.#pool.extend(sequence.blocks, this.#blocksFor(sequence.computed + tokens))) break;
        isShort = true;
        if (this.#preemptLast() === sequence) break;
      }
      if (this.#running[index] === sequence) take(sequence, tokens);
    }

    while (!isShort && budget > 0 && this.#running.length < this.limits.maxSequences) {
      const sequence = this.#waiting[0];
      if (!sequence) break;
      // The last token is computed even where all are in the cache: the next one comes of it.
      const found = this.#pool.find(sequence.blockHashes, Math.floor((known(sequence) - 1) / this.limits.blockSize));
      const cached = found.length * this.limits.blockSize;
      const tokens = Math.min(known(sequence) - cached, budget);
      const wanted = this.#blocksFor(cached + tokens);
      if (wanted - found.length + this.#pool.unused(found) > this.#pool.free) break;
      this.#pool.share(found);
      this.#pool.extend(found, wanted);
      this.#waiting.shift();
      this.#running.push(sequence);
      this.#admit(sequence, found, cached);
      take(sequence, tokens);
    }

    const milliseconds = this.#stepMilliseconds(batch);
    this.#step = { batch, milliseconds, endsAt: this.#freeAt + milliseconds };
    this.#nextAt = undefined;
  }

  #admit(sequence: Running, blocks: number[], cached: number): void {
    sequence.blocks = blocks;
    sequence.computed = cached;
    sequence.published = cached / this.limits.blockSize;
    if (sequence.preemptions > 0) {
      this.#totals.recomputedTokens += known(sequence) - cached;
      return;
    }
    sequence.cachedTokens = cached;
    this.#totals.cacheQueries += sequence.promptTokens;
    this.#totals.cacheHits += cached;
  }

  #preemptLast(): Running | undefined {
    const last = this.#running.pop();
    if (!last) return undefined;
    this.#pool.release(last.blocks);
    last.blocks = [];
    last.computed = 0;
    last.scheduled = 0;
    last.preemptions += 1;
    this.#totals.preemptions += 1;
    this.#waiting.unshift(last);
    return last;
  }

  /** vLLM lets a block be found as soon as it is scheduled: the requests behind it in the same step find it already. */
  #publish(sequence: Running): void {
    const full = Math.floor((sequence.computed + sequence.scheduled) / this.limits.blockSize);
    for (; sequence.published < full; sequence.published += 1) {
      const block = sequence.blocks[sequence.published];
      if (block !== undefined) this.#pool.publish(block, sequence.blockHashes[sequence.published]);
    }
  }

  #endStep({ milliseconds, endsAt }: { milliseconds: number; endsAt: number }): void {
    this.#step = undefined;
    this.#freeAt = endsAt;
    this.#nextAt = undefined;
    this.#totals.steps += 1;
    this.#totals.busyMilliseconds += milliseconds;
    let hasFinished = false;
    for (const sequence of this.#running) {
      if (sequence.scheduled === 0) continue;
      sequence.computed += sequence.scheduled;
      sequence.scheduled = 0;
      if (missing(sequence) > 0) continue; // its prompt goes on in the next step
      sequence.produced += 1;
      this.#totals.generatedTokens += 1;
      if (sequence.firstTokenAt === undefined) {
        sequence.firstTokenAt = endsAt;
        this.#totals.promptTokens += sequence.promptTokens;
      }
      if (sequence.produced < sequence.completionTokens) continue;
      sequence.finishedAt = endsAt;
      this.#pool.release(sequence.blocks);
      this.#finished.push(sequence);
      hasFinished = true;
    }
    if (hasFinished) this.#running = this.#running.filter(({ finishedAt }) => finishedAt === undefined);
  }

  /**
   * The end of the last step of which it is certain that every running request decodes one token in each until then,
   * and none is admitted, thrown out or finished before. The times are summed as the steps will sum them.
   */
  #endOfQuiet({ batch, endsAt }: { batch: StepBatch; endsAt: number }): number {
    const { length } = this.#running;
    const isFull = length >= this.limits.maxSequences;
    if (batch.promptTokens > 0 || batch.sequences !== length || (this.#waiting.length > 0 && !isFull)) return endsAt;
    const tokensLeft = this.#running.reduce(
      (least, { completionTokens, produced }) => Math.min(least, completionTokens - produced),
      Number.POSITIVE_INFINITY,
    );
    const certain = this.limits.blockSize * Math.floor(this.#pool.free / length); // no request can need more blocks
    let at = endsAt;
    for (let step = 1; step < Math.min(tokensLeft, certain + 1); step += 1) {
      at += this.#stepMilliseconds({ ...batch, contextTokens: batch.contextTokens + step * length });
    }
    return at;
  }

  #blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.limits.blockSize);
  }
}

/** Tokens that there are of a request so far. */
function known({ promptTokens, produced }: Sequence): number {
  return promptTokens + produced;
}

/** Tokens that have to be computed before the next one can be produced. */
function missing(sequence: Running): number {
  return known(sequence) - sequence.computed;
}
