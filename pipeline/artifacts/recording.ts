import { z } from "zod";
import { count, meta } from "./identifier.ts";

/**
 * One recorded whole trace: what a model wrote after the prompt, with the outputs it was given between the fences.
 * A line of a recording, after the field mapping of the config.
 */
export const recordingSchema = z.strictObject({
  problem: z.string().min(1), // the statement, as it stands in the prompt
  sample: count.optional(), // which of the problem's traces; without it they count in file order
  text: z.string(),
  finish: z.enum(["stop", "length"]).default("stop"), // `length`: the trace was cut off by a token limit
  meta,
});
export type Recording = z.infer<typeof recordingSchema>;
