import { z } from "zod";
import type { Generation, GenerationRequest } from "../../stages/ports.ts";
import type { OpenEngineConfig } from "./engine-config.ts";
import { holdsKey } from "./hidden-key.ts";
import { jsonExcerpt, messageOf, oneLine } from "./server-message.ts";

const count = z.number().int().nonnegative();

const usageSchema = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish().catch(undefined),
});

const ending = {
  finish_reason: z.unknown().optional(),
  stop_reason: z.union([z.string(), z.number()]).nullish(), // vLLM's own; a number is a stop token's id
};
const replyOf = <Choice extends z.ZodType>(choice: Choice) =>
  z.object({ choices: z.tuple([choice]).rest(z.unknown()), usage: usageSchema.nullish().catch(undefined) });

/** The log probabilities of the tokens written, in the shape of /completions and in that of /chat/completions. */
export const logprobsSchema = z
  .union([
    z.object({ token_logprobs: z.array(z.number().nullable()) }).transform((each) => each.token_logprobs),
    z
      .object({ content: z.array(z.object({ logprob: z.number() })) })
      .transform(({ content }) => content.map((each) => each.logprob)),
  ])
  .nullish()
  .catch(undefined);

const completionSchema = replyOf(z.object({ text: z.string(), logprobs: logprobsSchema, ...ending }));
const chatSchema = replyOf(
  z.object({ message: z.object({ content: z.string() }), logprobs: logprobsSchema, ...ending }),
);

/** What a reply holds, or why it is not one. */
export type GenerationReply =
  | ({ kind: "text" } & Pick<Generation, "text" | "finish" | "stopString" | "tokens" | "logprobs">)
  | { kind: "nonsense"; fault: string };

/**
 * Reads the body of a reply, whatever it is. Only a whole text counts: one that ended because the server aborted or
 * failed is nonsense, and so is one without a reason to end.
 */
export function readGeneration(
  body: unknown,
  { dialect, transport, apiKey }: Pick<OpenEngineConfig, "dialect" | "transport" | "apiKey">,
  { stop, keepStop }: Pick<GenerationRequest, "stop" | "keepStop">,
  promptTokens: number,
): GenerationReply {
  const parsed = (transport === "chat" ? chatSchema : completionSchema).safeParse(body);
  if (!parsed.success)
    return { kind: "nonsense", fault: `a reply that is not a completion (${describeIssue(body, parsed.error)})` };
  const [choice] = parsed.data.choices;
  const written = ("text" in choice ? choice.text : choice.message.content).toWellFormed();
  if (holdsKey(written, apiKey)) return { kind: "nonsense", fault: "a text that holds the API key" };
  const finish = choice.finish_reason;
  if (finish !== "stop" && finish !== "length") {
    return { kind: "nonsense", fault: `a text with finish_reason ${jsonExcerpt(finish, 40) || "missing"}` };
  }
  const usage = parsed.data.usage;
  const cached = usage?.prompt_tokens_details?.cached_tokens;
  const tokens = {
    prompt: usage?.prompt_tokens ?? promptTokens,
    completion: usage?.completion_tokens ?? Math.ceil(Buffer.byteLength(written) / 4),
    ...(typeof cached === "number" ? { cached } : {}),
  };
  const logprobs = summaryOf(choice.logprobs);
  const counted = { tokens, ...(logprobs === undefined ? {} : { logprobs }) };
  const reason = choice.stop_reason;
  if (typeof reason === "string" && stop.includes(reason) && finish === "stop") {
    return { kind: "text", ...endWith(written, reason, keepStop), finish, ...counted };
  }
  const overrun = dialect === "openai" ? firstStop(written, stop) : undefined;
  if (overrun !== undefined) {
    const kept = written.slice(0, overrun.at + overrun.stopString.length);
    return { kind: "text", ...endWith(kept, overrun.stopString, keepStop), finish: "stop", ...counted };
  }
  return { kind: "text", text: written, finish, ...counted };
}

/** A first token has none where it was given. A probability of 0, which some servers send as -9999, stays what it is. */
function summaryOf(logprobs: readonly (number | null)[] | null | undefined): Generation["logprobs"] {
  const known = (logprobs ?? []).filter((each) => each !== null);
  if (known.length === 0) return undefined;
  const sum = known.reduce((total, each) => total + each, 0);
  const lowest = known.reduce((least, each) => Math.min(least, each), 0);
  return { tokens: known.length, mean: sum / known.length, lowest };
}

/** Whether the stop string stays in the text is ours to see to: only vLLM can be asked for it. */
function endWith(text: string, stopString: string, keepStop: boolean): { text: string; stopString: string } {
  const ends = text.endsWith(stopString);
  if (keepStop) return { text: ends ? text : text + stopString, stopString };
  return { text: ends ? text.slice(0, -stopString.length) : text, stopString };
}

/**
 * The stop string that ends first in a text. Servers of the openai dialect do not say which one ended it, and some
 * leave it in, with the rest of the token that completed it (transformers serve).
 */
function firstStop(text: string, stop: readonly string[]): { at: number; stopString: string } | undefined {
  return stop
    .map((stopString) => ({ at: text.indexOf(stopString), stopString }))
    .filter(({ at }) => at >= 0)
    .toSorted((a, b) => a.at + a.stopString.length - (b.at + b.stopString.length) || a.at - b.at)[0];
}

/** What is wrong with a body, for a user. */
export function describeIssue(body: unknown, error: z.ZodError): string {
  if (typeof body === "string") return `it begins ${JSON.stringify(oneLine(body, 60))}`;
  const said = typeof body === "object" && body !== null && "error" in body ? messageOf(body) : "";
  if (said !== "") return said;
  const [issue] = error.issues;
  if (issue === undefined || issue.path.length === 0) return jsonExcerpt(body, 60) || "it is empty";
  return `${issue.path.join(".")}: ${issue.message}`;
}
