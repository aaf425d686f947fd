import { z } from "zod";
import { count, milliseconds } from "./identifier.ts";

export const executionOutcomes = ["ok", "error", "timeout", "memory", "output-limit", "forbidden", "crashed"] as const;

/** One run of a code block in the sandbox, as a turn records it. */
export const executionSchema = z.strictObject({
  outcome: z.enum(executionOutcomes),
  output: z.string(), // what was written back to the model: after the cut, without the fence
  outputBytes: count, // before the cut
  milliseconds,
  cpuMilliseconds: milliseconds,
  peakMemoryMiB: z.number().nonnegative(),
  /** Its session was rebuilt by running the earlier blocks again: whether their outputs were those of the journal. */
  rebuilt: z.enum(["same", "diverged"]).optional(),
  /** It ended for want of this module: no package of that name is installed. */
  missingModule: z.string().optional(),
});
export type Execution = z.infer<typeof executionSchema>;
export type ExecutionOutcome = Execution["outcome"];
