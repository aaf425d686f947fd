import { z } from "zod";

/**
 * Which answers count, and as what.
 *
 * integer: exact integers of any size. modulo: the notebook's, floats rounded, negatives dropped, the remainder taken
 * (of the gold answer too). range: integers from min to max.
 */
export const answerPolicySchema = z.discriminatedUnion("policy", [
  z.strictObject({ policy: z.literal("integer") }),
  z.strictObject({ policy: z.literal("modulo"), modulus: z.number().int().positive().default(1000) }),
  z.strictObject({ policy: z.literal("range"), min: z.number().int(), max: z.number().int() }),
]);
export type AnswerPolicy = z.infer<typeof answerPolicySchema>;

/** As it may stand in a config: `policy: integer` or `{policy: integer}` or `{policy: {policy: modulo, …}}`. */
export const answerConfigSchema = z.preprocess((value) => {
  if (typeof value === "string") return { policy: value };
  if (typeof value === "object" && value !== null && "policy" in value && typeof value.policy === "object") {
    return Object.keys(value).length === 1 ? value.policy : value;
  }
  return value;
}, answerPolicySchema);
