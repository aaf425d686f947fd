/**
 * Python's notion of text, where it differs from JavaScript's and the notebook's behaviour depends on it.
 * Source: https://docs.python.org/3/library/stdtypes.html#text-sequence-type-str
 */

/** What `str.isspace` holds for: unlike JavaScript's `\s`, with U+001C–U+001F and U+0085 and without U+FEFF. */
const blanks = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const leadingBlanks = new RegExp(`^[${blanks}]+`, "u");
const blankCharacter = new RegExp(`[${blanks}]`, "u");

/** `str.strip()`. Trailing blanks by a loop: a regular expression would be quadratic in a long run of blanks. */
export function strip(text: string): string {
  return stripEnd(text.replace(leadingBlanks, ""));
}

/** `str.rstrip()`. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && blankCharacter.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** `text[-count:]`, counted in code points. */
export function lastCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  let start = text.length;
  for (let taken = 0; taken < count && start > 0; taken += 1) {
    const isPair =
      start > 1 && isLowSurrogate(text.charCodeAt(start - 1)) && isHighSurrogate(text.charCodeAt(start - 2));
    start -= isPair ? 2 : 1;
  }
  return text.slice(start);
}

/** `text[:count]`, counted in code points; undefined when the text is no longer than that. */
export function firstCodePoints(text: string, count: number): string | undefined {
  if (text.length <= count) return undefined;
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken += 1) {
    const isPair = isHighSurrogate(text.charCodeAt(end)) && isLowSurrogate(text.charCodeAt(end + 1));
    end += isPair ? 2 : 1;
  }
  return end < text.length ? text.slice(0, end) : undefined;
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * `str.isdigit()`: decimal digits of any script, and those that are digits without being decimal, such as `²` or `①`
 * (Unicode's Numeric_Type=Digit).
 */
const digits =
  /^[\p{Nd}\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]+$/u;

export function isDigits(text: string): boolean {
  return digits.test(text);
}

/** The value of a decimal digit of any script. Unicode encodes each script's ten digits in order, runs touching or not. */
export function decimalDigitValue(digit: string): number {
  const codePoint = digit.codePointAt(0) ?? 0;
  let start = codePoint;
  while (start > 0 && /^\p{Nd}$/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return (codePoint - start) % 10;
}
