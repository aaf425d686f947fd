import { z } from "zod";
import { candidateKeyFields, count, integerText, meta } from "./identifier.ts";

/** The answer elected for a problem in one replicate: a line of votes.jsonl. `tally` is in vote order. */
export const voteSchema = z.strictObject({
  problemId: candidateKeyFields.problemId,
  replicate: candidateKeyFields.replicate,
  answer: integerText.nullable(),
  tally: z.array(z.strictObject({ answer: integerText, count, score: z.number().optional() })),
  candidates: count,
  rule: z.string().min(1),
  decidedAfter: count.optional(), // candidates that had ended when an early stop cancelled the others
  meta,
});
export type Vote = z.infer<typeof voteSchema>;
