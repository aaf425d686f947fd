/** A server-sent event with this data. */
export function event(data: object | string): string {
  return `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

export const done = event("[DONE]");

/** A completion as vLLM streams it: a token of up to four characters in each event, the usage, the end. */
export function streamed(
  { choices, usage, ...envelope }: Completion,
  includeUsage: boolean | undefined = true,
): string[] {
  const events = choices.flatMap(({ index = 0, text, message, logprobs = null, ...ending }) => {
    const tokens = (text ?? message?.content ?? "").match(/.{1,4}/gsu) ?? [""];
    const written = (piece: string) => (message === undefined ? { text: piece } : { delta: { content: piece } });
    const greeting = message === undefined ? [] : [{ delta: { role: "assistant", content: "" } }];
    const parts = [...greeting, ...tokens.map(written)];
    return parts.map((part, at) => {
      const end = at === parts.length - 1 ? ending : { finish_reason: null, stop_reason: null };
      return event({ ...envelope, choices: [{ index, ...part, logprobs, ...end }] });
    });
  });
  return [...events, ...(includeUsage && usage ? [event({ ...envelope, choices: [], usage })] : []), done];
}

export interface Completion {
  [field: string]: unknown;
  choices: {
    index?: number;
    text?: string;
    message?: { content: string };
    logprobs?: unknown;
    finish_reason?: unknown;
    stop_reason?: unknown;
  }[];
  usage?: object | undefined;
}
