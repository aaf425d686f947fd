const longestMessage = 300;

/**
 * What the body of an error says, in one line of at most 300 characters; empty if it says nothing.
 *
 * Shapes seen: `{error: {message}}` (OpenAI, vLLM), `{error: "…"}`, `{object: "error", message}` (vLLM before 0.10),
 * `{detail: "…" | [{msg}]}` (FastAPI), a page of HTML, plain text.
 */
export function messageOf(body: unknown): string {
  const markup = /<(?:style|script)[^>]*>[\s\S]*?<\/(?:style|script)>|<[^>]*>/giu;
  return oneLine(findMessage(body).replace(markup, " "), longestMessage);
}

/** A server's text for a terminal and a log: one line, without control characters, cut at so many characters. */
export function oneLine(text: string, characters: number): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return (line.length > characters ? `${line.slice(0, characters - 1)}…` : line).toWellFormed();
}

function findMessage(body: unknown): string {
  if (typeof body === "string") return body;
  if (Array.isArray(body)) return body.map(findMessage).filter(Boolean).join("; ");
  if (typeof body !== "object" || body === null) return "";
  for (const key of ["error", "message", "detail", "msg"]) {
    const message = findMessage((body as Record<string, unknown>)[key]);
    if (message !== "") return message;
  }
  return "";
}
