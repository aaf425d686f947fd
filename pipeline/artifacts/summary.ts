import { z } from "zod";
import { candidateOutcomes } from "./candidate.ts";
import { executionOutcomes } from "./execution.ts";
import { count, total } from "./identifier.ts";
import { wasteSchema } from "./waste.ts";

/** An uncertainty of an estimate. `sampling`: other seeds, same problems; `population`: other problems of this kind. */
export const intervalSchema = z.strictObject({
  kind: z.enum(["sampling", "population"]),
  low: z.number(),
  high: z.number(),
  level: z.number(),
  method: z.string(),
});
export type Interval = z.infer<typeof intervalSchema>;

/** A share between 0 and 1, how many problems it rests on, and how far it can be trusted. */
export const estimateSchema = z.strictObject({
  estimate: z.number(),
  n: count,
  intervals: z.array(intervalSchema),
  method: z.string().optional(), // how the estimate itself was made, where that is not exact
});
export type Estimate = z.infer<typeof estimateSchema>;

/** What became of one set, or of all of them together. */
export const setSummarySchema = z.strictObject({
  problems: count,
  replicates: count,
  width: count, // candidates per problem and replicate
  accuracy: estimateSchema, // of the vote
  candidateAccuracy: estimateSchema,
  passAt: z.record(z.string(), estimateSchema),
  majAt: z.record(z.string(), estimateSchema),
  /** Had every candidate lost to the engine or the sandbox been wrong (low) or right (high). */
  bounds: z.strictObject({ low: z.number(), high: z.number() }),
  ledger: z.record(z.enum(candidateOutcomes), count), // balances: problems × replicates × width
  silences: z.record(z.string(), count), // candidates that cast no ballot, by cause
  unsolved: z.record(z.string(), count), // problems × replicates without a right vote, by cause
  executions: z.record(z.enum(executionOutcomes), count),
  truncatedTurns: count, // ended by the token limit
  lostCandidates: count, // to the engine or the sandbox, never counted as the model's
  identicalCandidates: count, // candidates whose whole text equals an earlier one's of the same problem
  tokens: z.strictObject({ prompt: total, completion: total }),
  seconds: z.number().nonnegative(), // summed over candidates
  engineBusyShare: z.number().optional(), // of the time in which anything of the run was under way
  waste: wasteSchema.optional(),
});
export type SetSummary = z.infer<typeof setSummarySchema>;

/** The result of a run: summary.json. */
export const summarySchema = z.strictObject({
  formatVersion: z.literal(1),
  runId: z.string(),
  sets: z.record(z.string(), setSummarySchema),
  all: setSummarySchema,
  warnings: z.array(z.string()),
});
export type Summary = z.infer<typeof summarySchema>;
