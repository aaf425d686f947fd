import { z } from "zod";
import { executionSchema } from "./execution.ts";
import { candidateKeyFields, count, meta, milliseconds, mostTurns } from "./identifier.ts";

/** Why the engine ended a turn: it asked for execution, ended its answer, or ran out of tokens. */
export const turnFinishes = ["code", "stop", "length"] as const;

/** How sure the model was of the tokens that it wrote: natural logarithms of their probabilities, summed up. */
export const tokenLogProbabilitiesSchema = z.strictObject({ tokens: count, mean: z.number(), lowest: z.number() });
export type TokenLogProbabilities = z.infer<typeof tokenLogProbabilitiesSchema>;

/** One finished model message and the execution it asked for: a line of turns.jsonl, the journal. */
export const turnSchema = z.strictObject({
  ...candidateKeyFields,
  turn: count.max(mostTurns - 1),
  requestId: z.string().min(1),
  seed: z.number().int(),
  text: z.string(), // what the engine produced
  finish: z.enum(turnFinishes),
  stopString: z.string().optional(),
  code: z.string().optional(),
  execution: executionSchema.optional(),
  tokens: z.strictObject({ prompt: count, completion: count, cached: count.optional() }),
  startedAt: milliseconds, // since the run began
  firstTokenMilliseconds: milliseconds.optional(),
  milliseconds,
  endpoint: z.string().optional(),
  logprobs: tokenLogProbabilitiesSchema.optional(),
  meta,
});
export type Turn = z.infer<typeof turnSchema>;
