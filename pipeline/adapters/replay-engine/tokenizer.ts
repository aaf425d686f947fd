/**
 * The engine's own tokenizer: a digit; up to 12 letters with the blank before them; a run of line ends; a run of other
 * blanks; any other character. It needs no model file, and its counts come near those of a byte-pair tokenizer.
 */
const piece = /\p{N}| ?\p{L}{1,12}|\n+|[^\S\n]+|./suy;
const lettersAtMost = 12;

/** Of ASCII's characters; any other is 0. */
const [letter, digit, newline, blank, other] = [1, 2, 3, 4, 5] as const;
const kinds = Uint8Array.from({ length: 2 ** 16 }, (_, code) => {
  if (code > 127) return 0;
  const character = String.fromCharCode(code);
  if (/[a-z]/iu.test(character)) return letter;
  if (/\d/u.test(character)) return digit;
  if (character === "\n") return newline;
  return /\s/u.test(character) ? blank : other;
});
const kindAt = (text: string, index: number) => kinds[text.charCodeAt(index)];

/**
 * The offset behind the token that begins at an offset within the text. By hand for ASCII: every request counts its
 * whole prompt, and expressions would be most of the work.
 */
function tokenEnd(text: string, start: number): number {
  const first = kindAt(text, start);
  if (first === digit || first === other) return start + 1;
  let end = start + 1;
  let run = first;
  let most = Number.POSITIVE_INFINITY;
  if (text.charCodeAt(start) === 32 && end < text.length && kindAt(text, end) === letter) {
    run = letter;
    most = end + lettersAtMost;
  } else if (first === letter) {
    most = start + lettersAtMost;
  }
  const last = Math.min(most, text.length);
  while (run !== 0 && end < last && kindAt(text, end) === run) end += 1;
  if (run !== 0 && (end === last || kindAt(text, end) !== 0)) return end;
  piece.lastIndex = start;
  piece.test(text);
  return piece.lastIndex;
}

/** Calls back with the offset behind each token of a text, in order. */
export function visitTokenEnds(text: string, visit: (end: number) => void): void {
  for (let end = 0; end < text.length; ) {
    end = tokenEnd(text, end);
    visit(end);
  }
}

/** The tokens of a text; joined they are the text. */
export function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = tokenEnd(text, start);
    yield text.slice(start, end);
    start = end;
  }
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
  while (length < characters && tokens < tokensAtMost) {
    length = tokenEnd(text, length);
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
