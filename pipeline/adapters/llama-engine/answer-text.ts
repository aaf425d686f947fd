import type { Ending } from "../vllm-server/served-model.ts";

export interface TextLimits {
  stop: readonly string[];
  includeStop: boolean;
  stopTokens: ReadonlySet<number>;
  ignoreEnd: boolean; // the model's own end is a token like any other
  maxTokens: number;
}

export interface Detokenizer {
  /** Characters of which some bytes are missing come out as U+FFFD. */
  detokenize(tokens: readonly number[]): string;
  isEnd(token: number): boolean;
}

/** A character has at most four bytes, and a token has one at least. */
const tokensOfCharacter = 4;

/** Tokens before a text, so that its first one is written as it is in the middle of a text. */
const contextTokens = 5;

/** A text as its tokens come, up to a stop string, the model's end, or a limit. */
export class AnswerText {
  readonly #model: Detokenizer;
  readonly #limits: TextLimits;
  readonly #heldBack: number; // characters that may belong to a stop string which is to be cut
  #before: readonly number[]; // tokens whose text is out
  #open: number[] = []; // tokens behind them
  #text = "";
  #taken = 0; // characters that `take` has given
  tokens = 0;
  ending: Ending | undefined;

  constructor(model: Detokenizer, prompt: readonly number[], limits: TextLimits) {
    this.#model = model;
    this.#limits = limits;
    this.#before = prompt.slice(-contextTokens);
    const longest = Math.max(0, ...limits.stop.map((stop) => stop.length));
    this.#heldBack = limits.includeStop ? 0 : Math.max(0, longest - 1);
  }

  get text(): string {
    return this.#text;
  }

  /** Takes a token in. `ending` says then whether the text has ended. */
  add(token: number): void {
    const { stopTokens, ignoreEnd, maxTokens } = this.#limits;
    this.tokens += 1;
    const isStop = stopTokens.has(token);
    if (isStop || (this.#model.isEnd(token) && !ignoreEnd)) {
      this.ending = { finishReason: "stop", stopReason: isStop ? token : null };
      return;
    }
    this.#open.push(token);
    const known = this.#model.detokenize(this.#before);
    const written = this.#model.detokenize([...this.#before, ...this.#open]);
    const isWhole = !written.endsWith("\uFFFD") || this.#open.length > tokensOfCharacter;
    if (isWhole) {
      const from = this.#text.length;
      this.#text += written.slice(known.length);
      this.#before = this.#open;
      this.#open = [];
      this.#stopBehind(from);
    }
    if (!this.ending && this.tokens >= maxTokens) this.ending = { finishReason: "length", stopReason: null };
  }

  /** What can be sent of the text and was not yet. */
  take(): string {
    const end = this.ending ? this.#text.length : Math.max(this.#taken, this.#text.length - this.#heldBack);
    const piece = this.#text.slice(this.#taken, end);
    this.#taken = end;
    return piece;
  }

  /** Looks for the stop string that is complete first; of those complete at the same character, the first of the list. */
  #stopBehind(from: number): void {
    let first: { stop: string; start: number; end: number } | undefined;
    for (const stop of this.#limits.stop) {
      const start = this.#text.indexOf(stop, Math.max(0, from - stop.length + 1));
      const end = start + stop.length;
      if (start >= 0 && (!first || end < first.end)) first = { stop, start, end };
    }
    if (!first) return;
    this.#text = this.#text.slice(0, this.#limits.includeStop ? first.end : first.start);
    this.ending = { finishReason: "stop", stopReason: first.stop };
  }
}
