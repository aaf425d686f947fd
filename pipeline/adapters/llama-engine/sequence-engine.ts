import type { CachingEngineState } from "../vllm-server/metrics.ts";
import type { AddonContext } from "./addon.ts";
import { groupSize } from "./memory-plan.ts";
import type { SampledToken, TokenSampler } from "./token-sampler.ts";

/** A text that is wanted. */
export interface SequenceRequest {
  prompt: readonly number[]; // one token at least
  sampler: TokenSampler;
  /**
   * Takes a token. The text goes on, or ends with it: `stopped` where its prompt is likely to come again with more behind
   * it, `over` where it is not.
   */
  onToken: (sampled: SampledToken) => "more" | "stopped" | "over";
  signal: AbortSignal;
}

export interface SequenceEngineOptions {
  sequences: number; // a multiple of `groupSize`
  maxModelLen: number; // tokens that a sequence holds
  /** Prompts are read token by token, so that no text depends on what else is computed. */
  repeatable: boolean;
}

/** Tokens of a step at most, where it is not one of each sequence. */
export const batchSize = 512;

/** So few tokens are computed rather than waited for, or copied from another sequence. */
const fewTokens = 4;

/** A sequence that holds no more than so many tokens beyond a prompt is gone on with: the end of a text may be cut. */
const restAtMost = 16;

const anyToken = Uint32Array.of(0);
const wanted = Uint32Array.of(0);
const unwanted = new Uint32Array();

interface Slot {
  readonly id: number;
  /** Tokens whose keys and values it holds. */
  tokens: number[];
  request: Active | undefined;
  isOver: boolean; // its text is not likely to be continued
  usedAt: number; // counts admissions
}

interface Active extends Waiting {
  todo: number[]; // tokens to compute
  text: number[]; // tokens drawn
}

interface Waiting {
  request: SequenceRequest;
  admit: (cachedTokens: number) => void; // when its prompt begins to be computed
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Runs requests on the sequences of a llama.cpp context, all of them in one batch: a request joins and leaves between
 * two steps, and waits while there is no sequence for it. A sequence keeps its keys and values when its text has
 * ended; a prompt that begins alike goes on from there, or from a copy.
 *
 * What a step computes for a token differs in its last bits with the shape of the batch, because llama.cpp takes other
 * kernels for one row than for several, and for many tokens of a sequence than for one. Sampling makes other texts of
 * such bits. So, to be repeatable, each step has one token of each sequence, and sequences are computed in groups of four,
 * with an arbitrary token where one is idle, which is removed behind it. With that all rows take the same way, whoever else is
 * there, and keys and values are the same however they came about.
 */
export class SequenceEngine {
  readonly #context: AddonContext;
  readonly #options: SequenceEngineOptions;
  readonly #slots: Slot[];
  #queue: Waiting[] = [];
  #admissions = 0;
  #isWorking = false;
  /** Of texts that have ended: one may be in use until its step is over. */
  #samplers: TokenSampler[] = [];
  readonly #counts = { promptTokens: 0, generatedTokens: 0, cacheQueries: 0, cacheHits: 0, busyMilliseconds: 0 };

  constructor(context: AddonContext, options: SequenceEngineOptions) {
    this.#context = context;
    this.#options = options;
    this.#slots = Array.from({ length: options.sequences }, (_, id) => ({
      id,
      tokens: [],
      request: undefined,
      isOver: true,
      usedAt: 0,
    }));
  }

  /**
   * Resolves when the text has ended, rejects when `signal` aborts. `onAdmitted` is told how many of the prompt's tokens
   * were found in the cache.
   */
  run(request: SequenceRequest, onAdmitted: (cachedTokens: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      if (signal.aborted) return reject(signal.reason);
      const end = (settle: () => void) => {
        signal.removeEventListener("abort", giveUp);
        this.#samplers.push(request.sampler);
        settle();
      };
      const waiting: Waiting = {
        request,
        admit: onAdmitted,
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      };
      const giveUp = () => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        const slot = this.#slots.find((each) => each.request?.request === request);
        if (slot) this.#free(slot, true);
        waiting.reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#queue.push(waiting);
      if (!this.#isWorking) void this.#work();
    });
  }

  state(): CachingEngineState {
    const running = this.#active();
    const { sequences, maxModelLen } = this.#options;
    return {
      ...this.#counts,
      running: running.length,
      waiting: this.#queue.length,
      kvUsage: running.reduce((sum, { tokens }) => sum + tokens.length, 0) / (sequences * maxModelLen),
      preemptions: 0,
    };
  }

  #active(): (Slot & { request: Active })[] {
    return this.#slots.filter((slot): slot is Slot & { request: Active } => slot.request !== undefined);
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    await Promise.resolve(); // requests that come together begin together
    while (this.#queue.length > 0 || this.#active().length > 0) {
      try {
        await this.#admit();
        await this.#step();
      } catch (error) {
        this.#failAll(error);
      }
      for (const sampler of this.#samplers.splice(0)) sampler.dispose();
    }
    this.#isWorking = false;
  }

  /** What a failed step has left in the caches is not known. */
  #failAll(error: unknown): void {
    for (const slot of this.#slots) {
      this.#context.disposeSequence(slot.id);
      slot.tokens = [];
      slot.request?.reject(error);
      slot.request = undefined;
    }
  }

  /** In the order in which they came, but for those whose prompt is just being computed for another one. */
  async #admit(): Promise<void> {
    for (const next of this.#queue) {
      const idle = this.#slots.filter(({ request }) => request === undefined);
      if (idle.length === 0) return;
      const { prompt, signal } = next.request;
      if (signal.aborted || this.#isBeingComputed(prompt)) continue;
      this.#queue = this.#queue.filter((other) => other !== next);
      const slot = await this.#slotFor(prompt, idle);
      if (signal.aborted) continue; // while its prefix was copied
      const cached = slot.tokens.length;
      slot.request = { ...next, todo: prompt.slice(cached), text: [] };
      this.#admissions += 1;
      slot.usedAt = this.#admissions;
      this.#counts.promptTokens += prompt.length;
      this.#counts.cacheQueries += prompt.length;
      this.#counts.cacheHits += cached;
      next.admit(cached);
    }
  }

  #isBeingComputed(prompt: readonly number[]): boolean {
    const longest = (prefixes: readonly number[]) => Math.max(0, ...prefixes);
    const coming = this.#active().filter(({ request: { todo } }) => todo.length > 1);
    if (coming.length === 0) return false;
    const soon = longest(coming.map(({ request }) => commonPrefix(request.request.prompt, prompt)));
    const now = longest(this.#slots.map(({ tokens }) => commonPrefix(tokens, prompt)));
    return Math.min(soon, prompt.length - 1) - now > fewTokens;
  }

  /** An idle slot, holding as much of the prompt as is found anywhere, and nothing else. */
  async #slotFor(prompt: readonly number[], idle: readonly Slot[]): Promise<Slot> {
    const usable = prompt.length - 1; // the last token has to be computed, for what comes behind it
    const found = this.#slots
      .map((slot) => ({ slot, common: Math.min(commonPrefix(slot.tokens, prompt), usable) }))
      .reduce((best, each) => (each.common > best.common ? each : best));
    const { slot: source, common } = found;
    if (source.request === undefined && source.tokens.length - common <= restAtMost && common > 0) {
      this.#cut(source, common);
      return source;
    }
    const oldest = idle.reduce((first, slot) => (isSparer(slot, first) ? slot : first));
    const own = Math.min(commonPrefix(oldest.tokens, prompt), usable);
    if (oldest === source || common - own <= fewTokens) {
      this.#cut(oldest, own);
      return oldest;
    }
    this.#cut(oldest, 0);
    await this.#context.copySequenceStateFromOtherSequence(oldest.id, source.id);
    oldest.tokens = [...source.tokens];
    this.#cut(oldest, common);
    return oldest;
  }

  #cut(slot: Slot, length: number): void {
    if (slot.tokens.length > length) this.#remove(slot, length);
    slot.tokens.length = length;
  }

  #remove({ id }: Slot, start: number): void {
    const isRemoved = this.#context.removeTokenCellsFromSequence(id, start, -1);
    if (!isRemoved) throw new Error("llama.cpp could not remove tokens from a sequence");
  }

  async #step(): Promise<void> {
    const rows = this.#options.repeatable ? this.#groupedRows() : this.#chunkedRows();
    if (rows.length === 0) return; // all were given up
    const began = performance.now();
    this.#context.initBatch(rows.reduce((sum, { tokens }) => sum + tokens.length, 0));
    const places = rows.map(({ slot, tokens, logits }) => {
      const [place] = this.#context.addToBatch(slot.id, slot.tokens.length, tokens, logits);
      return place;
    });
    await this.#context.decodeBatch();
    const drawn: Promise<void>[] = [];
    for (const [index, { slot, request, tokens }] of rows.entries()) {
      if (request === undefined) {
        this.#remove(slot, slot.tokens.length);
        continue;
      }
      slot.tokens.push(...tokens);
      request.todo.splice(0, tokens.length);
      const place = places[index];
      const isGivenUp = slot.request !== request; // meanwhile
      if (request.todo.length === 0 && place !== undefined && !isGivenUp) drawn.push(this.#draw(slot, request, place));
    }
    await Promise.all(drawn);
    this.#counts.busyMilliseconds += performance.now() - began;
  }

  async #draw(slot: Slot, active: Active, place: number): Promise<void> {
    const { sampler, onToken } = active.request;
    const sampled = await sampler.next(this.#context, place, active.text).catch((error: unknown) => {
      if (slot.request !== active) return undefined;
      this.#free(slot, true);
      active.reject(error);
    });
    if (sampled === undefined || slot.request !== active) return;
    this.#counts.generatedTokens += 1;
    active.text.push(sampled.token);
    active.todo.push(sampled.token);
    const state = onToken(sampled);
    if (state === "more") return;
    this.#free(slot, state === "over");
    active.resolve();
  }

  #free(slot: Slot, isOver: boolean): void {
    slot.request = undefined;
    slot.isOver = isOver;
  }

  /** One token of each sequence, in whole groups. Where one row of a group has logits, all have. */
  #groupedRows(): Row[] {
    const rows: Row[] = [];
    for (let start = 0; start < this.#slots.length; start += groupSize) {
      const group = this.#slots.slice(start, start + groupSize);
      if (group.every(({ request }) => request === undefined)) continue;
      const isDrawn = group.some(({ request }) => request?.todo.length === 1);
      const logits = isDrawn ? wanted : unwanted;
      for (const slot of group) {
        const { request } = slot;
        const tokens = request ? Uint32Array.from(request.todo.slice(0, 1)) : anyToken;
        rows.push({ slot, request, tokens, logits });
      }
    }
    return rows;
  }

  /** As many tokens as there are, up to the batch's size. Texts under way go first: they have one token each. */
  #chunkedRows(): Row[] {
    let left = batchSize;
    const byLength = this.#active().toSorted((a, b) => a.request.todo.length - b.request.todo.length);
    const rows = byLength.flatMap((slot): Row[] => {
      const tokens = Uint32Array.from(slot.request.todo.slice(0, left));
      left -= tokens.length;
      const isLast = tokens.length === slot.request.todo.length;
      const logits = isLast ? Uint32Array.of(tokens.length - 1) : unwanted;
      return tokens.length === 0 ? [] : [{ slot, request: slot.request, tokens, logits }];
    });
    return rows.toSorted((a, b) => a.slot.id - b.slot.id); // neighbours are computed together
  }
}

interface Row {
  slot: Slot;
  request: Active | undefined; // without one it fills up its group
  tokens: Uint32Array;
  logits: Uint32Array; // places within the tokens
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}

/** Whether a slot's tokens are less likely to be of use: there are none, they are over, they were not used for long. */
function isSparer(a: Slot, b: Slot): boolean {
  const rank = ({ tokens, isOver }: Slot) => (tokens.length === 0 ? 0 : isOver ? 1 : 2);
  return rank(a) === rank(b) ? a.usedAt < b.usedAt : rank(a) < rank(b);
}
