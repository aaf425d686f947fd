import { z } from "zod";
import { candidateKeyFields, count, integerText, meta, milliseconds, total } from "./identifier.ts";

export const candidateOutcomes = [
  "answered",
  "no-answer",
  "no-code",
  "hallucinated-output",
  "context-full",
  "budget",
  "decided",
  "engine-failed",
] as const;
export type CandidateOutcome = (typeof candidateOutcomes)[number];

/**
 * One finished attempt at a problem: a line of candidates.jsonl.
 *
 * `answer` is there exactly when the candidate casts a ballot. An `answered` candidate without one gave a
 * `rawAnswer` that the answer policy does not admit. `meta.pruned` is true for a candidate that was cut off before
 * its last turn: the notebook's vote sees those first.
 */
export const candidateSchema = z.strictObject({
  ...candidateKeyFields,
  outcome: z.enum(candidateOutcomes),
  rawAnswer: z.string().optional(),
  answer: integerText.optional(),
  turns: count,
  tokens: z.strictObject({ prompt: total, completion: total }),
  milliseconds,
  meta,
});
export type Candidate = z.infer<typeof candidateSchema>;
