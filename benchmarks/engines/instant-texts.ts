/** What the instant engine writes: a program in the first turns, then an answer. */
export const program = "Let us compute.\n```python\nprint(6 * 7)\n```\n```output\n";
export const answer = "So the answer is $\\boxed{42}$.";

/** The tokens of such a text after a long thought: one event each, where it is streamed. */
export function tokensOf(text: string): string[] {
  return `${thought}${text}`.match(/ ?[a-z]+|[^a-z]/giu) ?? [];
}

const thought = `${"Let us count the multiples of seven once more ".repeat(30)}\n`;
