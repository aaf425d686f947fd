import type { EngineCard } from "../../artifacts/engine-card.ts";
import { kvTokens } from "../../core/engine-arithmetic.ts";
import type { EngineState, Sequence } from "../../core/engine-model/engine-model.ts";
import { engineModelOf } from "../../core/engine-model/of-card.ts";
import type { Clock, Engine, Generation, GenerationRequest, NoGeneration } from "../../stages/ports.ts";
import { ProtocolError } from "../vllm-server/protocol-error.ts";
import { generateCompletion, type Model } from "./generate.ts";
import type { Recordings } from "./recordings.ts";
import { Replay } from "./replay.ts";
import { takeTime } from "./take-time.ts";
import { TimedModel } from "./timed-model.ts";
import { countTokens, Vocabulary } from "./tokenizer.ts";

export interface EmulatedEngineOptions {
  recordings: Recordings;
  card: EngineCard;
  clock: Clock;
  maxModelLen?: number; // [the card's]
  /** Prompts with `{problem}` in place of the statement, if they are known; else they are learned. */
  templates?: readonly string[];
}

export interface EmulatedEngine extends Engine {
  /** How the engine stands at this moment of the clock. */
  state(): EngineState;
}

/**
 * The embedded replay engine without its HTTP, for simulations: recordings give the texts, a card's model the times. It
 * answers as a server with the same recordings and card does, at the same moments of the clock.
 */
export function openEmulatedEngine({
  recordings,
  card,
  clock,
  maxModelLen = card.maxModelLen,
  templates = [],
}: EmulatedEngineOptions): EmulatedEngine {
  const timed = new TimedModel(engineModelOf(card), clock);
  const name = card.name;
  const model: Model = { name, maxModelLen, replay: new Replay(recordings, templates), vocabulary: new Vocabulary() };
  const closing = new AbortController();

  async function generate(request: GenerationRequest): Promise<Generation | NoGeneration> {
    const signal = request.signal ? AbortSignal.any([request.signal, closing.signal]) : closing.signal;
    const prompt = request.prompt + request.text;
    const atMost = Math.min(request.promptTokensAtMost ?? Number.POSITIVE_INFINITY, prompt.length);
    const room = maxModelLen - (atMost + request.maxTokens > maxModelLen ? countTokens(prompt) : atMost);
    if (room < 1) return { kind: "context-full" };
    const requestId = `${request.requestId}:0`;
    try {
      const { choices } = generateCompletion(
        {
          ...{ prompt, max_tokens: Math.min(request.maxTokens, room), stop: [...request.stop], seed: request.seed },
          ...{ include_stop_str_in_output: request.keepStop, request_id: requestId },
        },
        model,
      );
      const [choice] = choices;
      if (!choice) throw new Error("a request without a choice");
      const sequence = await takeTime(choice, timed, { signal });
      const { text, finishReason, stopReason, promptTokens, completionTokens } = choice;
      return {
        ...{ kind: "generation", requestId, text, finish: finishReason },
        ...(stopReason === null ? {} : { stopString: stopReason }),
        tokens: { prompt: promptTokens, completion: completionTokens, cached: sequence.cachedTokens },
        ...timesOf(sequence),
      };
    } catch (error) {
      if (signal.aborted) return { kind: "aborted" };
      if (!(error instanceof ProtocolError)) throw error;
      if (error.param === "input_tokens") return { kind: "context-full" };
      return { kind: "engine-failed", reason: error.message, attempts: 1 };
    }
  }

  return {
    connect: async () => ({ kind: "replay", model: name, maxModelLen }),
    generate,
    load: async () => ({ cacheTokens: kvTokens(card) }),
    state: () => timed.state(),
    close: async () => closing.abort(),
  };
}

function timesOf({ addedAt, firstTokenAt = addedAt, finishedAt = addedAt }: Sequence) {
  return { firstTokenMilliseconds: firstTokenAt - addedAt, milliseconds: finishedAt - addedAt };
}
