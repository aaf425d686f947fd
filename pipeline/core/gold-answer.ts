import { readInteger } from "./integer-text.ts";
import { parsePythonFloat, toWhole } from "./python-float.ts";

export type AnswerRule = "integer" | "nonnegative" | "any";

export type GoldReading = { answer: string; borderline: boolean } | { reason: string };

const plainNumeral = /^\s*[+-]?\d+(?:\.\d*)?\s*$/u;

/**
 * The gold answer as a canonical integer, or why the problem is left out.
 *
 * `integer` is the published rule of the first AIMO Progress Prize's validation sets: Python's `float()` takes the
 * text and the value is whole. It also takes what is no plain numeral, such as `2112_6`, a number in base 6 that
 * `float()` reads as 21126: kept, and `borderline`. `nonnegative` is the same without negative answers; `any` takes
 * what would be taken from a candidate too, such as `15,600`.
 */
export function readGold(gold: string, rule: AnswerRule): GoldReading {
  if (gold.trim() === "") return { reason: "no gold answer" };
  const decimal = parsePythonFloat(gold);
  const answer = decimal ? (toWhole(decimal)?.toString() ?? null) : rule === "any" ? readInteger(gold) : null;
  if (answer === null) {
    const lenient = rule === "any" ? null : readInteger(gold);
    const hint = lenient === null || decimal ? "" : ` by the published rule (answers: any would read ${lenient})`;
    return { reason: `not an integer${hint}: ${excerpt(gold)}` };
  }
  if (rule === "nonnegative" && answer.startsWith("-")) return { reason: `negative: ${answer}` };
  return { answer, borderline: decimal !== null && !plainNumeral.test(gold) };
}

function excerpt(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
