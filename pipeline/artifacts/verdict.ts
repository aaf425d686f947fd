import { z } from "zod";
import { count, integerText, meta, problemId } from "./identifier.ts";

/** Whether the elected answer equals the gold answer: a line of verdicts.jsonl. */
export const verdictSchema = z.strictObject({
  problemId,
  set: z.string().min(1),
  replicate: count,
  gold: z.string(), // as published
  expected: integerText, // under the answer policy
  answer: integerText.nullable(),
  correct: z.boolean(),
  solvedBy: count, // how many candidates were right
  candidates: count,
  meta,
});
export type Verdict = z.infer<typeof verdictSchema>;
