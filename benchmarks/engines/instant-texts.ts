/** What the instant engine writes: a program in the first turns, then an answer. */
export const program = "Let us compute.\n```python\nprint(6 * 7)\n```\n```output\n";
export const answer = "So the answer is $\\boxed{42}$.";
