import { z } from "zod";
import { answerPolicySchema } from "./answer-policy.ts";
import { pythonModules } from "./python-modules.ts";

/**
 * How to talk with a family of models: data only, a file in profiles/.
 *
 * Placeholders: `{problem}` in the prompt, `{output}` in writeBack, `{seconds}` in timeoutMessage.
 */
export const profileSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  source: z.string().describe("where these facts were read"),

  prompt: z.string().includes("{problem}").describe("sent as text to /v1/completions"),
  chat: z
    .strictObject({
      system: z.string().optional(),
      user: z.string().includes("{problem}"),
    })
    .describe("the same prompt as messages, for servers without /v1/completions"),

  stop: z.array(z.string().min(1)).describe("strings that end a turn"),
  executeOn: z.string().optional().describe("the stop string that asks for execution"),
  keepStop: z.boolean().describe("the stop string stays in the text"),
  executeClosedBlock: z.boolean().describe("a message that just ends after a Python block asks for execution too"),
  trimBeforeOutput: z.boolean().describe("blanks at the end of a message go before its output is written back"),

  state: z
    .enum(["stateless", "session"])
    .describe("what a block sees of earlier ones, unless the config says otherwise"),
  preload: pythonModules
    .optional()
    .describe("modules that are imported once, for all blocks, unless the config says otherwise [the usual libraries]"),
  prelude: z.array(z.string()).describe("lines put before a block"),
  lastLine: z
    .enum(["wrap-print", "show-expression", "as-is"])
    .describe("wrap-print: the notebook's textual print(…); show-expression: an expression at the end is shown"),
  writeBack: z.string().includes("{output}").describe("what follows the message once its block has run"),
  timeoutMessage: z.string().describe("the output of a block that ran out of time"),
  traceback: z.enum(["own-frames", "last-line"]).describe("what a model is shown of an exception"),
  cut: z.strictObject({ keep: z.enum(["head", "both-ends"]), marker: z.string() }),
  outputCharacters: z.number().int().positive().describe("where an output is cut, unless the config says otherwise"),

  answer: z.strictObject({
    from: z
      .enum(["boxed-or-phrase", "boxed", "output"])
      .describe("`\\boxed{…}` or what follows 'answer is'; the last `\\boxed{…}`; the last line that was printed"),
    withinCharacters: z.number().int().positive().optional().describe("only the end of the text [all of it]"),
    searchesPrompt: z.boolean().default(false).describe("the notebook's: prompt and text are one string"),
    normalize: z.enum(["notebook", "plain"]),
    needsOutput: z.boolean().describe("an answer with no executed block behind it is invented"),
  }),
  afterAnswer: z.enum(["continue", "stop"]).describe("whether a candidate that has answered is sampled on"),
  withoutCode: z.enum(["restart", "end", "go-on"]).describe("a message, and no block so far"),
  withoutAnswer: z.enum(["restart", "end"]).describe("a message that neither asks for execution nor answers"),
  afterLength: z.enum(["same", "go-on"]).describe("a message cut by maxTokens: treated like any other, or continued"),
  policy: answerPolicySchema.describe("the answer policy, unless the config says otherwise"),
});
export type Profile = z.infer<typeof profileSchema>;
