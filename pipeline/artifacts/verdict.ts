import { z } from "zod";
import { candidateKeyFields, count, integerText, meta, setName } from "./identifier.ts";

/** Whether the elected answer equals the gold answer: a line of verdicts.jsonl. */
export const verdictSchema = z.strictObject({
  problemId: candidateKeyFields.problemId,
  set: setName,
  replicate: candidateKeyFields.replicate,
  gold: z.string(), // as published
  expected: integerText, // under the answer policy
  answer: integerText.nullable(),
  correct: z.boolean(),
  solvedBy: count, // how many candidates were right
  candidates: count,
  meta,
});
export type Verdict = z.infer<typeof verdictSchema>;
