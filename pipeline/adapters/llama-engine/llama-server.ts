import { metricsPage, ServerCounts } from "../vllm-server/metrics.ts";
import { badRequest } from "../vllm-server/protocol-error.ts";
import { type ProtocolServer, startProtocolServer } from "../vllm-server/protocol-server.ts";
import {
  detokenizeBodySchema,
  parseBody,
  parseGeneration,
  renderingFlags,
  tokenizeBodySchema,
} from "../vllm-server/request-body.ts";
import { checkMaxTokens, checkModel, contextOverflow, stopStringsOf } from "../vllm-server/request-limits.ts";
import type { ServedModel } from "../vllm-server/served-model.ts";
import { AnswerText, type Detokenizer } from "./answer-text.ts";
import { chatRenderer } from "./chat-template.ts";
import { type AnswerParts, LlamaAnswer } from "./llama-answer.ts";
import {
  type LlamaChat,
  type LlamaCompletion,
  llamaChatSchema,
  llamaCompletionSchema,
  samplingOf,
} from "./llama-request.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { chatLogprobs, completionLogprobs } from "./logprobs.ts";
import type { Settings } from "./memory-plan.ts";
import type { ModelFile } from "./model-file.ts";
import { SequenceEngine } from "./sequence-engine.ts";
import { TokenSampler } from "./token-sampler.ts";

export interface LlamaServerOptions {
  file: ModelFile;
  settings: Settings;
  repeatable: boolean;
  version: string; // of llama.cpp's build
}

/** What the two protocols ask for by different fields. */
interface Asked {
  prompt: readonly number[];
  maxTokens: number;
  logprobs: number | undefined; // as `Sampling` has it
  told: AnswerParts["logprobs"];
  signal: AbortSignal;
}

/** Serves a loaded model over vLLM's protocol, on a port of loopback that the system picks. */
export async function startLlamaServer(
  { addon, model, context }: LoadedModel,
  { file, settings, repeatable, version }: LlamaServerOptions,
): Promise<ProtocolServer> {
  const { name, vocabulary } = file;
  const { maxModelLen, sequences } = settings;
  const counts = new ServerCounts();
  const engine = new SequenceEngine(context, { sequences, maxModelLen, repeatable });
  const bos = model.shouldPrependBosToken() ? [model.tokenBos()] : [];
  const textOf = (tokens: readonly number[], showSpecial: boolean) =>
    model.detokenize(Uint32Array.from(tokens), showSpecial);
  const tokenText = (token: number) => (token < 0 ? "" : textOf([token], true));
  const render = chatRenderer(addon, file.chatTemplate, {
    bos: tokenText(model.tokenBos()),
    eos: tokenText(model.tokenEos()),
  });
  /** How log probabilities call a token: several tokens may have the same text. */
  const nameOf = ({ return_tokens_as_token_ids: asIds }: LlamaCompletion | LlamaChat) =>
    asIds ? (token: number) => `token_id:${token}` : tokenText;
  // As transformers' tokenizers do, names of special tokens in a text stand for the tokens.
  const tokensOf = (text: string, addSpecial: boolean) => [...(addSpecial ? bos : []), ...model.tokenize(text, true)];

  const served: ServedModel = {
    name,
    maxModelLen,
    version,
    metrics: () => metricsPage(name, counts, { state: engine.state(), blockSize: 1, blocks: maxModelLen * sequences }),
    tokenize(body) {
      const request = parseBody(tokenizeBodySchema, body);
      checkModel(request.model, name);
      const { messages, prompt } = request;
      const text = messages ? render(messages, renderingFlags(request)) : prompt;
      if (text === undefined) throw badRequest("prompt: expected a prompt or messages", "prompt");
      const tokens = tokensOf(text, request.add_special_tokens ?? messages === undefined);
      return { tokens, pieces: request.return_token_strs ? tokens.map(tokenText) : null };
    },
    detokenize(body) {
      const { model: asked, tokens } = parseBody(detokenizeBodySchema, body);
      checkModel(asked, name);
      return textOf(checkedIds(tokens, "tokens"), true);
    },
    complete(body, requestId, signal) {
      const request = parseGeneration(llamaCompletionSchema, body, requestId);
      const { prompt, logprobs } = request;
      return answer(request, {
        prompt:
          typeof prompt === "string" ? tokensOf(prompt, request.add_special_tokens) : checkedIds(prompt, "prompt"),
        maxTokens: request.max_tokens ?? 16,
        logprobs,
        told: (tokens, offset) =>
          logprobs === undefined ? undefined : completionLogprobs(tokens, logprobs, nameOf(request), offset),
        signal,
      });
    },
    chat(body, requestId, signal) {
      const request = parseGeneration(llamaChatSchema, body, requestId);
      const logprobs = request.logprobs ? request.top_logprobs : undefined;
      return answer(request, {
        prompt: tokensOf(render(request.messages, renderingFlags(request)), request.add_special_tokens),
        maxTokens: request.max_completion_tokens ?? request.max_tokens ?? maxModelLen,
        logprobs,
        told: (tokens) => (logprobs === undefined ? undefined : chatLogprobs(tokens, logprobs, nameOf(request))),
        signal,
      });
    },
  };

  function checkedIds(tokens: readonly number[], param: string): readonly number[] {
    if (tokens.every((token) => token >= 0 && token < vocabulary)) return tokens;
    throw badRequest(`${param}: the vocabulary has the ids 0 to ${vocabulary - 1}`, param);
  }

  function answer(
    request: LlamaCompletion | LlamaChat,
    { prompt, maxTokens, logprobs, told, signal }: Asked,
  ): LlamaAnswer {
    checkModel(request.model, name);
    checkMaxTokens(maxTokens, maxModelLen);
    if (prompt.length === 0) throw badRequest("The prompt has no tokens.", "prompt");
    const overflow = contextOverflow(prompt.length, maxModelLen);
    if (overflow) throw overflow;
    const sampling = samplingOf(request, logprobs);
    const detokenizer: Detokenizer = {
      detokenize: (tokens) => textOf(tokens, !request.skip_special_tokens),
      isEnd: (token) => model.isEogToken(token),
    };
    const text = new AnswerText(detokenizer, prompt, {
      stop: stopStringsOf(request),
      includeStop: request.include_stop_str_in_output ?? false,
      stopTokens: new Set(request.stop_token_ids),
      ignoreEnd: request.ignore_eos,
      maxTokens: Math.min(maxTokens, maxModelLen - prompt.length),
    });
    const sampler = () => new TokenSampler(addon, model, vocabulary, sampling, prompt);
    return new LlamaAnswer(engine, { options: request, prompt, sampler, text, logprobs: told, signal });
  }

  return startProtocolServer(served, counts);
}
