/**
 * The engine's own tokenizer: a digit; up to 12 letters with the blank before them; a run of line ends; a run of other
 * blanks; any other character. It needs no model file, and its counts come near those of a byte-pair tokenizer.
 */
const piece = /\p{N}| ?\p{L}{1,12}|\n+|[^\S\n]+|./gsu;

/** The tokens of a text; joined they are the text. */
export function pieces(text: string): Iterable<string> {
  return text.matchAll(piece).map(([token]) => token);
}

export function countTokens(text: string): number {
  let count = 0;
  for (const _ of pieces(text)) count += 1;
  return count;
}

/** How many tokens it takes until `end` characters of the text are there; the last of them may go beyond. */
export function tokensUntil(text: string, end: number): number {
  let count = 0;
  let length = 0;
  for (const token of pieces(text)) {
    if (length >= end) break;
    length += token.length;
    count += 1;
  }
  return count;
}

/** The longest beginning of a text that has at most so many tokens. */
export function cutTokens(text: string, tokensAtMost: number): { text: string; tokens: number } {
  let tokens = 0;
  let length = 0;
  for (const token of pieces(text)) {
    if (tokens === tokensAtMost) break;
    length += token.length;
    tokens += 1;
  }
  return { text: text.slice(0, length), tokens };
}

/** Numbers for tokens, given in the order in which a server first sees them: good for one server's life only. */
export class Vocabulary {
  readonly #ids = new Map<string, number>();
  readonly #pieces: string[] = [];

  idsOf(text: string): number[] {
    return Array.from(pieces(text), (token) => {
      const known = this.#ids.get(token);
      if (known !== undefined) return known;
      this.#ids.set(token, this.#pieces.length);
      return this.#pieces.push(token) - 1;
    });
  }

  /** The text of ids that this vocabulary gave out; undefined where one is not of its making. */
  textOf(ids: readonly number[]): string | undefined {
    const tokens = ids.map((id) => this.#pieces[id]);
    return tokens.includes(undefined) ? undefined : tokens.join("");
  }
}
