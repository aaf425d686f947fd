import { z } from "zod";
import { executionOutcomes } from "../../artifacts/execution.ts";

/** What worker.py is sent, one JSON object per line. */
export type WorkerRequest =
  | {
      id: number;
      code: string;
      earlier: readonly string[];
      showLastExpression: boolean;
      seed: number;
      timeoutSeconds: number;
      memoryMiB: number;
    }
  | { abort: number };

/** Its first line: the libraries are imported. */
export const readySchema = z.strictObject({
  ready: z.strictObject({ python: z.string(), packages: z.record(z.string(), z.string()) }),
});
export type Ready = z.infer<typeof readySchema>["ready"];

/** Its answer to a request. */
export const replySchema = z.strictObject({
  id: z.number(),
  outcome: z.enum([...executionOutcomes, "aborted"]),
  stdout: z.string(),
  stderr: z.string(),
  outputBytes: z.number(),
  milliseconds: z.number(),
  cpuMilliseconds: z.number(),
  peakMemoryMiB: z.number(),
});
export type Reply = z.infer<typeof replySchema>;
