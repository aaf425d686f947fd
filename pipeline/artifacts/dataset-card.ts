import { z } from "zod";
import { count } from "./identifier.ts";

/** Where a problem's parts stand in a data file's rows. A nested field is reached by dots. */
export const fieldMappingSchema = z.strictObject({
  id: z
    .string()
    .optional()
    .describe("field that names the row; must be unique [`id` where rows have it, else a hash of the statement]"),
  statement: z.string().default("problem").describe("field that holds the statement"),
  gold: z.string().default("answer").describe("field that holds the gold answer"),
  level: z.string().optional(),
  url: z.string().optional(),
});
export type FieldMapping = z.infer<typeof fieldMappingSchema>;

/** The same where each field may be left to somebody else: a config over a card's mapping, or over the defaults. */
export const fieldChoiceSchema = z
  .strictObject({ id: z.string(), statement: z.string(), gold: z.string(), level: z.string(), url: z.string() })
  .partial();

/** How a problem's key is made from the text of its id field, where that text is not the key itself. */
export const keyRuleSchema = z.strictObject({
  pattern: z.string().describe("a regular expression that the text must match somewhere"),
  rule: z.string().describe("the key, with $<name> for what the pattern's groups took; blanks in it become _"),
});
export type KeyRule = z.infer<typeof keyRuleSchema>;

const sha256Text = z.string().regex(/^[0-9a-f]{64}$/u, "expected 64 lower-case hexadecimal digits");

/** Within the folder that it is found in: a card is no way to write elsewhere. */
const fileName = z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))./u, "expected a name, or a path below, without ..");

/** A file of a set that is known to be good, under the name it is found by. */
const knownCopySchema = z.strictObject({
  file: fileName,
  rows: count.describe("rows in the file, before filtering"),
  sha256: sha256Text.optional(),
  description: z.string(),
});

/** What is known of a validation set: a file in datasets/. */
export const datasetCardSchema = z.strictObject({
  name: z.string().regex(/^[^/\s]+$/u, "expected a name without blanks or slashes"),
  title: z.string(),
  description: z.string(),
  licence: z.string(),
  homepage: z.string(),
  file: fileName.describe("name of the file in the cache, or a path relative to the card for a set shipped here"),
  shipped: z.boolean().default(false),
  source: z
    .strictObject({
      repository: z.string().describe("a data set repository on the hub, owner/name"),
      revision: z.string(),
      path: z.string().describe("the file within the repository"),
      sha256: sha256Text.optional(),
    })
    .optional(),
  copies: z.array(knownCopySchema).default([]).describe("other files that hold the set, in another form or unfiltered"),
  fields: fieldMappingSchema,
  key: keyRuleSchema.optional(),
  where: z.record(z.string(), z.string()).optional().describe("only rows whose field has this value"),
  /** Of `file`; a copy has its own `rows`. After the integer filter all of them leave the same problems. */
  rows: z.strictObject({ before: count, after: count }),
});
export type DatasetCard = z.infer<typeof datasetCardSchema>;
