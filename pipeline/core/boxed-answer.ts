/**
 * The content of the last `\boxed{…}` of a text, braces balanced; null if there is none, if it is never closed, or
 * if what stands last is a `\fbox{…}` or has no brace right after it.
 */
export function extractBoxedAnswer(text: string): string | null {
  let start = text.lastIndexOf("\\boxed");
  if (start < 0) start = text.lastIndexOf("\\fbox");
  if (start < 0) return null;
  const end = closingBrace(text, start);
  const opening = "\\boxed{";
  if (end === null || !text.startsWith(opening, start)) return null;
  return text.slice(start + opening.length, end);
}

/** Where the braces that open after `from` are balanced again; null where that never happens. */
function closingBrace(text: string, from: number): number | null {
  let open = 0;
  for (let index = from; index < text.length; index += 1) {
    if (text[index] === "{") open += 1;
    if (text[index] === "}") {
      open -= 1;
      if (open === 0) return index;
    }
  }
  return null;
}
