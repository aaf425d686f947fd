import type { Sequence } from "../../core/engine-model/engine-model.ts";
import { metricsPage, ServerCounts } from "../vllm-server/metrics.ts";
import { badRequest } from "../vllm-server/protocol-error.ts";
import { type ListenOptions, type ProtocolServer, startProtocolServer } from "../vllm-server/protocol-server.ts";
import {
  chatBodySchema,
  completionBodySchema,
  detokenizeBodySchema,
  parseBody,
  parseGeneration,
  renderingFlags,
  tokenizeBodySchema,
} from "../vllm-server/request-body.ts";
import { checkModel } from "../vllm-server/request-limits.ts";
import type { Answer, Answering, GenerationOptions, Part, ServedModel } from "../vllm-server/served-model.ts";
import { type Generated, generateChat, generateCompletion, type Model, render } from "./generate.ts";
import type { Recordings } from "./recordings.ts";
import { Replay } from "./replay.ts";
import { Pace, takeTime } from "./take-time.ts";
import type { TimedModel } from "./timed-model.ts";
import { pieces, Vocabulary } from "./tokenizer.ts";
import type { Transit } from "./transit.ts";

export interface ReplayServerOptions extends ListenOptions {
  recordings: Recordings;
  model: string;
  maxModelLen: number; // tokens of prompt and answer together
  /** Prompts with `{problem}` in place of the statement, if they are known; else they are learned. */
  templates?: readonly string[];
  /** Says when a request is answered; without it at once. */
  timed?: TimedModel;
  /** Of a client in this process, on virtual time. */
  transit?: Transit;
}

export type ReplayServer = ProtocolServer;

const tokensPerEvent = 8; // of a stream, after its first
const version = "0.0.0+sctir-replay";

/** Starts a server that answers from recordings. A port that is taken is a UserError. */
export async function startReplayServer({
  recordings,
  model: name,
  maxModelLen,
  templates = [],
  timed,
  transit,
  ...listen
}: ReplayServerOptions): Promise<ReplayServer> {
  const model: Model = { name, maxModelLen, replay: new Replay(recordings, templates), vocabulary: new Vocabulary() };
  const counts = new ServerCounts();

  const served: ServedModel = {
    name,
    maxModelLen,
    version,
    metrics() {
      if (timed === undefined) return metricsPage(name, counts);
      const { blockSize, blocks } = timed.model.limits;
      return metricsPage(name, counts, { state: timed.state(), blockSize, blocks });
    },
    tokenize(body) {
      const request = parseBody(tokenizeBodySchema, body);
      checkModel(request.model, name);
      const text = request.messages ? render(request.messages, renderingFlags(request)) : request.prompt;
      if (text === undefined) throw badRequest("prompt: expected a prompt or messages", "prompt");
      return { tokens: model.vocabulary.idsOf(text), pieces: request.return_token_strs ? [...pieces(text)] : null };
    },
    detokenize(body) {
      const request = parseBody(detokenizeBodySchema, body);
      checkModel(request.model, name);
      const prompt = model.vocabulary.textOf(request.tokens);
      if (prompt === undefined) throw badRequest("tokens: ids that this server did not give out", "tokens");
      return prompt;
    },
    complete(body, requestId, signal) {
      const request = parseGeneration(completionBodySchema, body, requestId);
      return answering(generateCompletion(request, model), request, signal);
    },
    chat(body, requestId, signal) {
      const request = parseGeneration(chatBodySchema, body, requestId);
      return answering(generateChat(request, model), request, signal);
    },
  };

  function answering(generated: Generated, options: GenerationOptions, signal: AbortSignal): Answering {
    return {
      options,
      promptTokens: generated.promptTokens,
      whole: async () => ({
        ...generated,
        cachedTokens: timed ? await spend(generated, timed, options, signal) : generated.cachedTokens,
      }),
      parts: () => partsOf(generated, timed, signal),
    };
  }

  /** Lets the time pass that the model takes. Gives the prompt tokens that it found in its cache. */
  async function spend(
    { choices }: Generated,
    timed: TimedModel,
    { request_id }: GenerationOptions,
    signal: AbortSignal,
  ): Promise<number> {
    const generateAll = (signal: AbortSignal) =>
      Promise.all(choices.map((choice) => takeTime(choice, timed, { signal })));
    const requestId = (request_id ?? "").replace(/:\d+$/u, ""); // its client numbers its attempts
    return cachedIn(await (transit ? transit.serve(requestId, signal, generateAll) : generateAll(signal)));
  }

  return startProtocolServer(served, counts, listen);
}

/** A prompt counts once for each of its choices. */
function cachedIn(sequences: readonly (Sequence | undefined)[]): number {
  return sequences.reduce((sum, sequence) => sum + (sequence?.cachedTokens ?? 0), 0);
}

/** The text in parts, each when the model has generated it. */
async function* partsOf(
  generated: Generated,
  timed: TimedModel | undefined,
  signal: AbortSignal,
): AsyncGenerator<Part, Answer> {
  const paces = generated.choices.map((choice) => new Pace(choice, timed, signal));
  const { promptTokens } = generated;
  let tokens = 0;
  for (const { index, text, finishReason, stopReason, completionTokens } of generated.choices) {
    const before = tokens;
    const parts = inParts(text, completionTokens);
    let part = parts.next();
    do {
      const next = parts.next();
      const isLast = next.done === true;
      const sent = tokens === before ? 1 : tokensPerEvent;
      tokens = before + (isLast ? completionTokens : Math.min(tokens - before + sent, completionTokens));
      await paces[index]?.reach(tokens - before);
      yield {
        index,
        text: part.value ?? "",
        usage: { promptTokens, completionTokens: tokens, cachedTokens: null },
        ...(isLast ? { ending: { finishReason, stopReason } } : {}),
      };
      part = next;
    } while (!part.done);
  }
  const sequences = await Promise.all(paces.map(({ finished }) => finished));
  return { ...generated, cachedTokens: sequences.includes(undefined) ? generated.cachedTokens : cachedIn(sequences) };
}

/** A text as a stream sends it: its first token at once, and no more parts than it is said to have tokens. */
function* inParts(text: string, tokens: number): Generator<string, undefined> {
  const partLength = Math.max(tokensPerEvent, Math.ceil(text.length / Math.max(1, tokens - 1)));
  let part = "";
  let inPart = 0;
  let isFirst = tokens > 1;
  for (const piece of pieces(text)) {
    part += piece;
    inPart += 1;
    if (inPart < partLength && !isFirst) continue;
    yield part;
    part = "";
    inPart = 0;
    isFirst = false;
  }
  if (part !== "") yield part;
}
