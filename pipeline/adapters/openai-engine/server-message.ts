const longestMessage = 300;

/** Of megabytes of angle brackets, the markup would take hours to find. */
const charactersLookedAt = 10_000;

/**
 * What the body of an error says, in one line of at most 300 characters; empty if it says nothing.
 *
 * Shapes seen: `{error: {message}}` (OpenAI, vLLM), `{error: "…"}`, `{object: "error", message}` (vLLM before 0.10),
 * `{detail: "…" | [{msg}]}` (FastAPI), a page of HTML, plain text.
 */
export function messageOf(body: unknown): string {
  const message = findMessage(body).slice(0, charactersLookedAt);
  const markup = /<(?:style|script)[^>]*>[\s\S]*?<\/(?:style|script)>|<[^>]*>/giu;
  return oneLine(message.replace(markup, " "), longestMessage);
}

/** A server's text for a terminal and a log: one line, without control characters, cut at so many characters. */
export function oneLine(text: string, characters: number): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return (line.length > characters ? `${line.slice(0, characters - 1)}…` : line).toWellFormed();
}

/** A part of a server's JSON, in one line; empty for nothing at all. */
export function jsonExcerpt(value: unknown, characters: number): string {
  try {
    return oneLine(JSON.stringify(value) ?? "", characters);
  } catch {
    return "values nested too deeply";
  }
}

function findMessage(body: unknown, levels = 8): string {
  if (typeof body === "string") return body;
  if (typeof body !== "object" || body === null || levels === 0) return "";
  if (Array.isArray(body)) {
    const messages = body.map((part) => findMessage(part, levels - 1));
    return messages.filter(Boolean).join("; ");
  }
  for (const key of ["error", "message", "detail", "msg"]) {
    const message = findMessage((body as Record<string, unknown>)[key], levels - 1);
    if (message !== "") return message;
  }
  return "";
}
