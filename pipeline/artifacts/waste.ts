import { z } from "zod";
import { total } from "./identifier.ts";

const seconds = z.number().nonnegative();

/** Where a run's time and tokens went that changed nothing. */
export const wasteSchema = z.strictObject({
  seconds, // in which a request or a program was under way
  idleForPythonSeconds: seconds, // of these, without a request: the engine waited for programs
  halfEmptySeconds: seconds, // of these, with fewer than half as many requests as there could have been
  pythonSeconds: seconds, // that candidates waited for their programs, queues included, summed over candidates
  tokens: z.strictObject({
    afterAnswer: total, // of candidates that had given an answer and went on
    afterDecision: total, // of candidates whose vote was decided by then; a turn's tokens by the share of its time
    lost: total, // of turns that were cut off, estimated from their time
  }),
});
export type Waste = z.infer<typeof wasteSchema>;
