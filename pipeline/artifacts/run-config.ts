import { z } from "zod";
import { answerConfigSchema } from "./answer-policy.ts";
import { fieldChoiceSchema } from "./dataset-card.ts";
import { integerText, mostCandidates, mostReplicates, mostTurns, setName } from "./identifier.ts";
import { pythonModules } from "./python-modules.ts";

const positive = z.number().int().positive();

/** Where problems come from: a card's set, or a file of one's own under any label. */
const problemSourceSchema = z.strictObject({
  set: setName
    .regex(/^[^/\s]+$/u, "expected a label without blanks or slashes")
    .describe("a card in datasets/, or a label of your own"),
  path: z.string().optional().describe("where the card's file is, if not in the cache"),
  file: z.string().optional().describe("a file of your own: .jsonl, .csv or .parquet"),
  fields: fieldChoiceSchema.optional().describe("which fields hold id, statement and gold answer"),
  where: z.record(z.string(), z.string()).optional().describe("only rows whose field has this value"),
  take: positive.optional().describe("the first rows after filtering [all]"),
  sample: z
    .strictObject({ size: positive, seed: z.number().int() })
    .optional()
    .describe("so many rows after filtering, drawn by a seed"),
});
export type ProblemSource = z.infer<typeof problemSourceSchema>;

const recordingFileSchema = z.strictObject({
  file: z.string().describe("a .jsonl of whole traces, the turns.jsonl of an earlier run, or a run directory"),
  fields: z
    .strictObject({ problem: z.string(), sample: z.string(), text: z.string(), finish: z.string() })
    .partial()
    .optional()
    .describe("which fields hold statement, sample, trace and finish [problem, sample, text, finish]"),
  where: z.record(z.string(), z.string()).optional().describe("only lines whose field has this value"),
  skipTo: z
    .string()
    .min(1)
    .optional()
    .describe("a trace begins after the first occurrence of this text [at its beginning]"),
});
const recordingSourceSchema = z.union([
  z.string().transform((file): z.output<typeof recordingFileSchema> => ({ file })),
  recordingFileSchema,
]);
export type RecordingSource = z.output<typeof recordingSourceSchema>;

const serverUrl = z.url({ protocol: /^https?$/u }).refine((url) => {
  const { username = "", password = "", search = "", hash = "" } = URL.parse(url) ?? {};
  return username + password + search + hash === "";
}, "expected a URL without user name, password and query: it stands in the manifest; a key goes into the variable that apiKeyEnv names");

const vllmEngineSchema = z.strictObject({
  kind: z.literal("vllm"),
  baseUrl: serverUrl.optional(),
  baseUrls: z.array(serverUrl).min(1).optional(),
  model: z.string().min(1),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, "expected the name of an environment variable, not the key itself")
    .default("VLLM_API_KEY")
    .describe("the environment variable that holds the key, if one is needed"),
  dialect: z.enum(["vllm", "openai"]).default("vllm").describe("openai: standard fields only"),
  transport: z.enum(["completions", "chat"]).default("completions"),
  maxModelLen: positive.optional().describe("context length, where the server does not tell"),
  requestTimeoutSeconds: z.number().positive().default(1800).describe("a request without an answer for so long failed"),
  streaming: z
    .boolean()
    .optional()
    .describe("read replies token by token, at some cost [solve: on a terminal; else false]"),
  idleTimeoutSeconds: z
    .number()
    .positive()
    .default(120)
    .describe("a stream that pauses for so long has failed; a server without any sign of life for so long hangs"),
  maxAttempts: positive.default(6).describe("tries of one request before its candidate is engine-failed"),
  patienceSeconds: z
    .number()
    .nonnegative()
    .default(600)
    .describe("how long a run waits for an engine that went away before it ends, to be resumed"),
});

const replayEngineSchema = z.strictObject({
  kind: z.literal("replay"),
  recordings: z.array(recordingSourceSchema).min(1),
  model: z.string().default("replay"),
  maxModelLen: positive.default(32768),
  timing: z
    .strictObject({
      card: z.string().describe("an engine card: a file in engines/, or a path"),
      clock: z
        .union([z.literal("virtual"), z.strictObject({ speedUp: z.number().positive() })])
        .default("virtual")
        .describe("virtual: no real time passes while nothing is computed; speedUp: real time, so many times as fast"),
      python: z
        .enum(["measured", "recorded"])
        .default("measured")
        .describe("recorded: no program is run; outputs and times are those of the recordings, which are journals"),
    })
    .optional()
    .describe("answers take as long as this engine would take [none at all]"),
});

const llamaFieldsSchema = z.strictObject({
  kind: z.literal("llama"),
  model: z.string().min(1).describe("a GGUF file"),
  transport: z.enum(["completions", "chat"]).default("completions"),
  maxModelLen: positive.optional().describe("context length [the model's own, 4096 at most]"),
  gpuLayers: z
    .union([z.literal("all"), z.number().int().nonnegative()])
    .default(0)
    .describe("how many of the model's layers a GPU computes, the last ones; 0: the processor computes all"),
  repeatable: z
    .boolean()
    .optional()
    .describe(
      "a seed gives the same text whatever else is computed; false: long prompts are read faster [true without a GPU]",
    ),
  sequences: positive
    .max(1024)
    .optional()
    .describe("texts generated at a time [64, or as many as a quarter of the free memory holds]"),
  threads: positive.max(1024).optional().describe("[1 for a model of less than 256 MiB, else half of the processors]"),
  requestTimeoutSeconds: z.number().positive().default(3600).describe("a request without an answer for so long failed"),
  streaming: z.boolean().optional().describe("read replies token by token [solve: on a terminal; else false]"),
  patienceSeconds: z
    .number()
    .nonnegative()
    .default(60)
    .describe("how long a run tries to start the engine anew before it ends, to be resumed"),
});

const llamaEngineSchema = llamaFieldsSchema
  .refine(({ gpuLayers, repeatable }) => gpuLayers === 0 || repeatable !== true, {
    path: ["repeatable"],
    error:
      "true is only for the processor: a GPU computes a text otherwise in the last bits when others are computed with it. " +
      "Leave it out, or set engine.gpuLayers to 0",
  })
  .transform((engine) => ({ ...engine, repeatable: engine.repeatable ?? engine.gpuLayers === 0 }));

const engineSchema = z.discriminatedUnion("kind", [vllmEngineSchema, replayEngineSchema, llamaEngineSchema]);
export type EngineConfig = z.output<typeof engineSchema>;
export type LlamaEngineConfig = z.output<typeof llamaEngineSchema>;

/** Who wins a vote. */
export const voteRuleSchema = z.strictObject({
  rule: z.enum(["majority", "weighted", "best-of-n", "drop-errors"]).default("majority"),
  ties: z
    .enum(["first-seen", "lowest-candidate", "random", "expected"])
    .default("first-seen")
    .describe("expected: a tie counts as the chance that a right answer is drawn"),
  score: z
    .string()
    .regex(/^[^.]+(\.[^.]+)*$/u, "expected a path such as meta.score")
    .default("meta.score")
    .describe("where a candidate's row has its score, for weighted and best-of-n"),
  weight: z
    .enum(["as-is", "exp", "sigmoid"])
    .default("as-is")
    .describe("what a weighted vote makes of a score: exp for log-probabilities, sigmoid for logits"),
  fallback: integerText.nullable().default(null).describe("the answer where nobody has one"),
});

/** What a run does: the config file. Its defaults are the only defaults. */
export const runConfigSchema = z.strictObject({
  problems: z.array(problemSourceSchema).min(1),
  filter: z.strictObject({ answers: z.enum(["integer", "nonnegative", "any"]).default("integer") }).prefault({}),
  strategy: z.enum(["sc-tir", "cot", "single-step"]).default("sc-tir"),
  profile: z.string().default("numina-tir").describe("a file in profiles/, or a path"),
  engine: engineSchema,
  sampling: z
    .strictObject({
      width: positive.max(mostCandidates).default(48).describe("candidates per problem"),
      depth: positive.max(mostTurns).default(4).describe("turns per candidate at most"),
      temperature: z.number().nonnegative().default(0.8),
      topP: z.number().positive().max(1).default(1),
      maxTokens: positive.default(2048).describe("per turn"),
      seed: z.number().int().default(42),
      logprobs: z.boolean().default(false).describe("record how sure the model was of its tokens, for votes by score"),
      replicates: positive.max(mostReplicates).default(1),
    })
    .prefault({}),
  python: z
    .strictObject({
      timeoutSeconds: z.number().positive().max(86_400).default(5),
      memoryMiB: positive.max(2 ** 20).default(1024),
      outputCharacters: positive.optional().describe("where an output is cut [as the profile says]"),
      state: z
        .enum(["stateless", "session"])
        .optional()
        .describe("what a block sees of earlier ones [as the profile says]"),
      preload: pythonModules
        .optional()
        .describe("modules that are imported once, for all blocks [as the profile says]"),
    })
    .prefault({}),
  answer: answerConfigSchema.optional().describe("[as the profile says]"),
  vote: voteRuleSchema.prefault({}),
  budget: z
    .strictObject({
      problemSeconds: z.number().positive().nullable().default(null),
      totalSeconds: z.number().positive().nullable().default(null),
      policy: z
        .enum(["fixed", "bank"])
        .default("fixed")
        .describe("bank: time that a problem does not need goes to later ones"),
    })
    .prefault({}),
  schedule: z
    .strictObject({
      mode: z.enum(["throughput", "exam"]).default("throughput"),
      concurrency: positive.max(100_000).default(64).describe("turns in flight at a time, over all problems"),
      order: z.union([z.literal("given"), z.strictObject({ random: z.number().int() })]).default("given"),
    })
    .prefault({}),
  earlyStop: z
    .union([z.enum(["off", "certain"]), z.strictObject({ confidence: z.number().gt(0.5).lt(1) })])
    .default("off")
    .describe("cancel a problem's candidates once its vote's winner is certain, or is so with this probability"),
});
export type RunConfig = z.output<typeof runConfigSchema>;
