import { badParameter, badRequest, overContext } from "../vllm-server/protocol-error.ts";
import { type ChatBody, type CompletionBody, type Message, renderingFlags } from "../vllm-server/request-body.ts";
import { checkMaxTokens, checkModel, contextOverflow, stopStringsOf } from "../vllm-server/request-limits.ts";
import { recordedSegments, type Segment } from "./block-hashes.ts";
import { type Completion, complete } from "./completion.ts";
import type { Continuation, Replay } from "./replay.ts";
import { countTokens, type Vocabulary } from "./tokenizer.ts";

export interface Model {
  name: string;
  maxModelLen: number;
  replay: Replay;
  vocabulary: Vocabulary;
}

/** A choice of a response, before it is written in either protocol's words. */
export interface Choice extends Completion {
  index: number;
  promptTokens: number;
  /** Its prompt and all that was generated, as the prefix cache sees it. */
  segments: readonly Segment[];
}

export interface Generated {
  choices: readonly Choice[];
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number | null;
}

/** One prompt of a request. */
interface Prompt {
  text: string; // what its tokens are counted of
  replayed: { prompt: string; text?: string };
  echo: string; // goes before the generated text
}

const samplesAtMost = 16384; // VLLM_MAX_N_SEQUENCES

export function generateCompletion(body: CompletionBody, model: Model): Generated {
  if (body.suffix) throw badRequest("suffix is only supported for models with FIM completion rendering", "suffix");
  if (body.prompt.length === 0) {
    throw badParameter("Either prompt or prompt_embeds must be provided and non-empty.", "prompt");
  }
  const prompts = textsOf(body.prompt, model.vocabulary).map(
    (prompt): Prompt => ({ text: prompt, replayed: { prompt }, echo: body.echo ? prompt : "" }),
  );
  return generate(body, prompts, body.max_tokens ?? 16, model); // null counts as 16 too
}

export function generateChat(body: ChatBody, model: Model): Generated {
  const flags = renderingFlags(body);
  const continued = flags.continueFinalMessage ? body.messages.at(-1) : undefined;
  const isAnswer = continued?.role === "assistant";
  const before = isAnswer ? body.messages.slice(0, -1) : body.messages;
  const text = isAnswer ? continued.content : "";
  const prompt: Prompt = {
    text: render(body.messages, flags),
    replayed: { prompt: before.map((message: Message) => message.content).join("\n"), text },
    echo: body.echo ? text : "",
  };
  return generate(body, [prompt], body.max_completion_tokens ?? body.max_tokens ?? model.maxModelLen, model);
}

function textsOf(prompt: CompletionBody["prompt"], vocabulary: Vocabulary): string[] {
  if (typeof prompt === "string") return [prompt];
  return isNumbers(prompt) ? [textOf(prompt)] : prompt.map((one) => (typeof one === "string" ? one : textOf(one)));

  function textOf(ids: readonly number[]): string {
    const text = vocabulary.textOf(ids);
    if (text === undefined) throw badRequest("prompt: token ids that this server did not give out", "prompt");
    return text;
  }
}

function isNumbers(prompt: readonly unknown[]): prompt is number[] {
  return typeof prompt[0] === "number";
}

function generate(
  body: CompletionBody | ChatBody,
  prompts: readonly Prompt[],
  maxTokensAsked: number,
  model: Model,
): Generated {
  checkModel(body.model, model.name);
  const samples = body.n ?? 1;
  if (samples < 1) throw badRequest(`n must be at least 1, got ${samples}.`);
  if (samples > samplesAtMost) throw badRequest(`n must be at most ${samplesAtMost}, got ${samples}.`);
  const stop = stopStringsOf(body);

  const generatesNothing = maxTokensAsked === 0 && body.echo === true;
  if (!generatesNothing) checkMaxTokens(maxTokensAsked, model.maxModelLen);

  const choices: Choice[] = [];
  let promptTokensOfAll = 0;
  let cachedTokens: number | null = null;
  for (const prompt of prompts) {
    let counted: number | undefined; // only where it is needed: it is most of the work
    const count = () => {
      counted ??= countTokens(prompt.text);
      return counted;
    };
    const overflow = () =>
      count() === model.maxModelLen && generatesNothing ? undefined : contextOverflow(count(), model.maxModelLen);
    const replayed = continuations(prompt, samples, body, model, overflow);
    const [first] = replayed;
    let promptTokens: number;
    let maxTokens = maxTokensAsked;
    if (first?.kind === "turn") {
      // As they were counted then, by the model's own tokenizer: whether it fitted was settled then, too.
      promptTokens = first.turn.tokens.prompt;
      if (first.turn.tokens.cached !== undefined) cachedTokens = (cachedTokens ?? 0) + first.turn.tokens.cached;
    } else {
      const error = overflow();
      if (error) throw error;
      promptTokens = count();
      maxTokens = Math.min(maxTokensAsked, model.maxModelLen - promptTokens);
    }
    promptTokensOfAll += promptTokens;
    for (const continuation of replayed) {
      if (continuation.kind === "context-full") throw overContext(model.maxModelLen);
      const completion = complete(continuation, {
        maxTokens,
        stop,
        includeStop: body.include_stop_str_in_output ?? false,
      });
      const segments =
        continuation.kind === "turn"
          ? [
              ...recordedSegments(prompt.text, continuation.earlier, promptTokens),
              { text: completion.text, tokens: completion.completionTokens },
            ]
          : [{ text: prompt.text + completion.text }];
      const text = prompt.echo + completion.text;
      choices.push({ ...completion, index: choices.length, text, promptTokens, segments });
    }
  }
  const completionTokens = choices.reduce((sum, choice) => sum + choice.completionTokens, 0);
  return { choices, promptTokens: promptTokensOfAll, completionTokens, cachedTokens };
}

/** How each child of a prompt goes on. A prompt that does not fit is refused for that before anything else. */
function continuations(
  { replayed }: Prompt,
  samples: number,
  { request_id, seed }: CompletionBody | ChatBody,
  { replay }: Model,
  whyNot: () => Error | undefined,
): Continuation[] {
  try {
    return Array.from({ length: samples }, (_, child) =>
      replay.continuationOf({ ...replayed, requestId: request_id ?? undefined, seed: seed ?? undefined, child }),
    );
  } catch (error) {
    throw whyNot() ?? error;
  }
}

/** A chat's messages as text, in ChatML: what its tokens are counted of. */
export function render(
  messages: readonly Message[],
  { addGenerationPrompt, continueFinalMessage }: { addGenerationPrompt: boolean; continueFinalMessage: boolean },
): string {
  const rendered = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join("");
  if (continueFinalMessage) return rendered.slice(0, -"<|im_end|>\n".length);
  return addGenerationPrompt ? `${rendered}<|im_start|>assistant\n` : rendered;
}
