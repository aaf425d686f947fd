import { z } from "zod";
import { count } from "./identifier.ts";
import { profileSchema } from "./profile.ts";
import { runConfigSchema } from "./run-config.ts";

export const isolations = ["bubblewrap", "limits", "none"] as const;
export type Isolation = (typeof isolations)[number];

/** What computed, of an embedded model. Layers are counted as llama.cpp does: the output is one more. */
const computeSchema = z.strictObject({
  backend: z.enum(["cpu", "cuda", "vulkan", "metal"]),
  gpuLayers: count, // the last ones
  layers: count,
  devices: z.array(z.string()), // GPUs
});
export type Compute = z.infer<typeof computeSchema>;

const stageRecord = z.record(z.string(), z.number());

/** Options, inputs and versions of a run, and where it stands: manifest.json. */
export const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  runId: z.string().min(1),
  createdAt: z.iso.datetime(),
  tool: z.strictObject({ version: z.string(), commit: z.string().nullable() }),
  config: runConfigSchema,
  configHash: z.string(),
  profile: profileSchema,
  datasets: z.array(z.strictObject({ set: z.string(), file: z.string(), sha256: z.string(), rows: count })),
  engine: z
    .strictObject({
      kind: z.string(),
      baseUrl: z.string().optional(),
      model: z.string(),
      serverVersion: z.string().optional(),
      maxModelLen: count.optional(),
      file: z.strictObject({ path: z.string(), sha256: z.string(), quantization: z.string() }).optional(),
      compute: computeSchema.optional(),
    })
    .optional(),
  sandbox: z
    .strictObject({ python: z.string(), packages: z.record(z.string(), z.string()), isolation: z.enum(isolations) })
    .optional(),
  state: z.enum(["running", "complete", "interrupted"]),
  stages: z.record(z.string(), stageRecord),
});
export type Manifest = z.infer<typeof manifestSchema>;
