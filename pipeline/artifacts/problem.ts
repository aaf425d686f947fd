import { z } from "zod";
import { integerText, meta, problemId, setName } from "./identifier.ts";

const problem = {
  problemId,
  set: setName,
  statement: z.string().min(1),
  gold: z.string(), // as published
  level: z.string().optional(),
  url: z.string().optional(),
  meta,
};

/** One item of a data set as it was read: a line of problems.jsonl. */
export const problemSchema = z.strictObject(problem);
export type Problem = z.infer<typeof problemSchema>;

/** A problem that is evaluated, with its gold answer in canonical form: a line of selected.jsonl. */
export const selectedProblemSchema = z.strictObject({
  ...problem,
  answer: integerText,
  flags: z.array(z.string()),
});
export type SelectedProblem = z.infer<typeof selectedProblemSchema>;

/** A problem that is left out, and why: a line of rejected.jsonl. */
export const rejectedProblemSchema = z.strictObject({
  problemId,
  set: setName,
  gold: z.string(),
  reason: z.string().min(1),
  meta,
});
export type RejectedProblem = z.infer<typeof rejectedProblemSchema>;
