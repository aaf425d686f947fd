/**
 * A text of a model, a program, a file or a server as it may go to a terminal: control characters other than line feed
 * and tab, which can move the cursor, retitle the window or hide what stands there, are shown as Unicode's pictures of
 * them or as code points; so are marks that turn the direction of what follows.
 */
export function visibleText(text: string): string {
  return text.replace(/\r\n/gu, "\n").replace(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code); // ␛ for escape
    return code === 0x7f ? "␡" : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** A value as JSON that shows nothing else than what it says on a terminal: such characters are escaped. It reads back the same. */
export function visibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    hidden,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

// Cc without \t and \n; bidirectional embeddings, overrides and isolates: https://www.unicode.org/reports/tr9/
const hidden = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;
