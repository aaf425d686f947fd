import { APIError } from "openai";
import { z } from "zod";
import type { OpenEngineConfig } from "./engine-config.ts";
import { describeIssue, logprobsSchema } from "./generation-reply.ts";
import { messageOf, oneLine } from "./server-message.ts";

/** A stream that is not the whole of a reply, or not one at all. */
export class StreamFault extends Error {
  override readonly name = "StreamFault";
}

const eventSchema = z.object({
  choices: z.array(
    z.object({
      index: z.number().nullish(),
      text: z.string().nullish(),
      delta: z
        .object({
          content: z.string().nullish(),
          reasoning: z.string().nullish(),
          reasoning_content: z.string().nullish(),
        })
        .nullish(),
      logprobs: logprobsSchema,
      finish_reason: z.unknown().optional(),
      stop_reason: z.unknown().optional(),
    }),
  ),
  usage: z.unknown().optional(),
  error: z.null().optional(),
});

/** An error's code, of an event that is one; vLLM before 0.10 had it at the top. */
const errorSchema = z.union([
  z.object({ error: z.object({ code: z.unknown().optional() }) }).transform(({ error }) => error.code),
  z.object({ error: z.string() }).transform(() => undefined),
  z.object({ object: z.literal("error"), code: z.unknown().optional() }).transform(({ code }) => code),
]);

const countedSchema = z.object({ completion_tokens: z.number() });

/**
 * Puts the events of a stream together to the body that the server would have sent in one piece. What cannot be the
 * whole text, and nothing but that, is a StreamFault.
 */
export class StreamedReply {
  readonly #config: Pick<OpenEngineConfig, "dialect" | "transport">;
  #text: string | undefined;
  #pieces = 0; // events with text
  #reasons = false; // text of a reasoning parser, which is none of the answer's
  #ending: { finish_reason: unknown; stop_reason: unknown } | undefined;
  #usage: unknown;
  readonly #logprobs: (number | null)[] = [];
  #isDone = false;

  constructor(config: Pick<OpenEngineConfig, "dialect" | "transport">) {
    this.#config = config;
  }

  /** Whether a token came. A choice without text may be no more than a greeting. */
  get hasBegun(): boolean {
    return this.#pieces > 0 || this.#reasons || this.#ending !== undefined;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Takes in the data of an event, and gives the text in it. An error that the server reports is thrown as an APIError. */
  add(data: string): string {
    if (data === "[DONE]") {
      this.#isDone = true;
      return "";
    }
    if (this.#isDone) throw new StreamFault("a stream that goes on after its end");
    const event = parseJson(data);
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) {
      const error = errorSchema.safeParse(event);
      if (error.success) throw reported(Number(error.data), messageOf(event));
      throw new StreamFault(`an event that is no part of a completion (${describeIssue(event, parsed.error)})`);
    }
    const { choices, usage } = parsed.data;
    if (usage !== undefined && usage !== null) this.#usage = usage;
    let written = "";
    for (const choice of choices) {
      if ((choice.index ?? 0) !== 0) continue; // one was asked for
      const { text, delta, logprobs, finish_reason, stop_reason } = choice;
      if (logprobs) this.#logprobs.push(...logprobs);
      const piece = this.#config.transport === "chat" ? delta?.content : text;
      this.#reasons ||= Boolean(delta?.reasoning ?? delta?.reasoning_content);
      if (typeof piece === "string") {
        if (piece !== "" && this.#ending !== undefined) throw new StreamFault("a text that goes on after its end");
        this.#text = (this.#text ?? "") + piece;
        written += piece;
      }
      if (finish_reason !== undefined && finish_reason !== null) this.#ending = { finish_reason, stop_reason };
    }
    if (written !== "") this.#pieces += 1;
    return written;
  }

  /** The body, once the stream has ended. */
  body(): unknown {
    if (!this.#isDone) throw new StreamFault("a stream that broke off: its [DONE] is missing");
    const counted = countedSchema.safeParse(this.#usage).data?.completion_tokens ?? Number.POSITIVE_INFINITY;
    // vLLM sends no text without a token of its own (vllm/v1/engine/output_processor.py): something came twice.
    if (this.#config.dialect === "vllm" && this.#pieces > counted) {
      throw new StreamFault(`${this.#pieces} pieces of text for ${counted} tokens`);
    }
    const content = this.#text === "" && this.#reasons ? null : this.#text;
    const written = this.#config.transport === "chat" ? { message: { content } } : { text: content };
    const choices =
      this.#text === undefined && this.#ending === undefined
        ? []
        : [{ ...written, ...this.#ending, logprobs: { token_logprobs: this.#logprobs } }];
    return { choices, usage: this.#usage };
  }
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new StreamFault(`an event that is not JSON (it begins ${JSON.stringify(oneLine(data, 60))})`);
  }
}

/** An error with one of HTTP's statuses is what it would have been as a reply of its own. */
function reported(code: number, message: string): Error {
  if (code >= 400 && code < 600) return new APIError(code, { message }, undefined, new Headers());
  return new StreamFault(`an error in the stream${message === "" ? "" : `: ${message}`}`);
}
