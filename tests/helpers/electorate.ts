import { type Electorate, electorateOf } from "../../pipeline/core/electorate.ts";

/** Candidates 0, 1, … with these answers. */
export function electorate(
  answers: (string | undefined)[],
  expected: string,
  fallback: string | null = null,
): Electorate {
  const voters = answers.map((answer, candidate) => ({ candidate, turns: 1, ...(answer && { answer }) }));
  return electorateOf(voters, expected, { ties: "first-seen", fallback });
}
