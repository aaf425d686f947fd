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
      session?: number | undefined;
      /** The block's place in its session, from 1. */
      block?: number | undefined;
      /** It begins a session, of which it need not be the first block. */
      isNew?: boolean | undefined;
      /** A time-out is an exception at first, which a session outlives. */
      interrupt?: boolean | undefined;
    }
  | { end: number }
  | { abort: number };

/** Its first line: the libraries are imported. */
export const readySchema = z.strictObject({
  ready: z.strictObject({
    python: z.string(),
    packages: z.record(z.string(), z.string()),
    /** How many sessions can live at a time. */
    sessions: z.number(),
    /** By module, why one that it should import could not be imported. */
    notImported: z.record(z.string(), z.string()),
  }),
});
export type Ready = z.infer<typeof readySchema>["ready"];

const executionReplySchema = z.strictObject({
  id: z.number(),
  outcome: z.enum([...executionOutcomes, "aborted"]),
  stdout: z.string(),
  stderr: z.string(),
  outputBytes: z.number(),
  milliseconds: z.number(),
  cpuMilliseconds: z.number(),
  peakMemoryMiB: z.number(),
  /** What became of the session: `heavy` ones hold more files than can be kept for long. */
  session: z.enum(["light", "heavy", "ended"]).optional(),
});

/** Its answer to a request. There may be no such session (any more). */
export const replySchema = z.discriminatedUnion("outcome", [
  executionReplySchema,
  z.strictObject({ id: z.number(), outcome: z.literal("gone") }),
]);
export type Reply = z.infer<typeof replySchema>;
export type ExecutionReply = z.infer<typeof executionReplySchema>;
