import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import { readInteger } from "./integer-text.ts";
import { parsePythonFloat, roundHalfEven, toDouble } from "./python-float.ts";

/**
 * The ballot that a candidate's answer casts under a policy, in canonical form, or null for none.
 *
 * `modulo` is the winning notebook's `filter_answers`: read as a float, rounded (halves to even), negatives dropped,
 * the remainder taken. The others take exact integers of any size.
 */
export function ballotOf(rawAnswer: string, policy: AnswerPolicy): string | null {
  if (policy.policy === "modulo") return moduloBallot(rawAnswer, BigInt(policy.modulus));
  const answer = readInteger(rawAnswer);
  if (answer === null) return null;
  if (policy.policy === "range" && (BigInt(answer) < BigInt(policy.min) || BigInt(answer) > BigInt(policy.max))) {
    return null;
  }
  return answer;
}

function moduloBallot(rawAnswer: string, modulus: bigint): string | null {
  const decimal = parsePythonFloat(rawAnswer);
  const value = decimal ? toDouble(decimal) : Number.NaN;
  if (!Number.isFinite(value)) return null;
  const rounded = roundHalfEven(value);
  return rounded < 0n ? null : (rounded % modulus).toString();
}

/** What the vote is compared with: the gold answer (canonical), or its non-negative remainder under `modulo`. */
export function expectedAnswer(gold: string, policy: AnswerPolicy): string {
  if (policy.policy !== "modulo") return gold;
  const modulus = BigInt(policy.modulus);
  return (((BigInt(gold) % modulus) + modulus) % modulus).toString();
}
