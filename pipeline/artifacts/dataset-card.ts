import { z } from "zod";
import { count } from "./identifier.ts";

/** Where a problem's parts stand in a data file's rows. A nested field is reached by dots. */
export const fieldMappingSchema = z.strictObject({
  id: z.string().optional().describe("field that names the row; must be unique [the row number]"),
  statement: z.string().default("problem").describe("field that holds the statement"),
  gold: z.string().default("answer").describe("field that holds the gold answer"),
  level: z.string().optional(),
  url: z.string().optional(),
});
export type FieldMapping = z.infer<typeof fieldMappingSchema>;

/** What is known of a validation set: a file in datasets/. */
export const datasetCardSchema = z.strictObject({
  name: z.string().min(1),
  title: z.string(),
  description: z.string(),
  licence: z.string(),
  homepage: z.string(),
  file: z.string().describe("name of the file in the cache, or a path relative to the card for a set shipped here"),
  shipped: z.boolean().default(false),
  source: z
    .strictObject({
      repository: z.string().describe("a data set repository on the hub, owner/name"),
      revision: z.string(),
      path: z.string().describe("the file within the repository"),
      sha256: z.string().optional(),
    })
    .optional(),
  sha256: z.array(z.string()).default([]).describe("checksums of known good files"),
  fields: fieldMappingSchema,
  /** How the key of a problem is made from its id field: as it stands, or the last parts of its url. */
  key: z.strictObject({ pattern: z.string(), rule: z.string() }).optional(),
  where: z.record(z.string(), z.string()).optional().describe("only rows whose field has this value"),
  rows: z.strictObject({ before: count, after: count }),
});
export type DatasetCard = z.infer<typeof datasetCardSchema>;
