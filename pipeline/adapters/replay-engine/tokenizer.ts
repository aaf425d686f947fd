/**
 * The engine's own tokenizer: a digit; up to 12 letters with the blank before them; a run of line ends; a run of other
 * blanks; any other character. It needs no model file, and its counts come near those of a byte-pair tokenizer.
 */
const piece = /\p{N}| ?\p{L}{1,12}|\n+|[^\S\n]+|./gsu;

/** For counting: a copy, because `matchAll` goes on from where its expression's last `test` ended. */
const counted = new RegExp(piece);

/** The tokens of a text; joined they are the text. */
export function pieces(text: string): Iterable<string> {
  return text.matchAll(piece).map(([token]) => token);
}

export function countTokens(text: string): number {
  return firstTokens(text).tokens;
}

/**
 * The beginning of a text that is at least so many characters long and has at most so many tokens, which is the one
 * that counts where both cannot be. Without limits it is the text.
 */
export function firstTokens(
  text: string,
  { characters = text.length, tokensAtMost = Number.POSITIVE_INFINITY } = {},
): { text: string; tokens: number } {
  let tokens = 0;
  let length = 0;
  counted.lastIndex = 0;
  // `test` and not `exec`: every request counts its whole prompt, and matches would be most of the work.
  while (length < characters && tokens < tokensAtMost && counted.test(text)) {
    length = counted.lastIndex;
    tokens += 1;
  }
  return { text: text.slice(0, length), tokens };
}

/** Calls back with the offset behind each token of a text, in order. */
export function visitTokenEnds(text: string, visit: (end: number) => void): void {
  counted.lastIndex = 0;
  while (counted.test(text)) {
    const end = counted.lastIndex;
    visit(end);
    counted.lastIndex = end; // whatever the visitor counted meanwhile
  }
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
