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
import type { Answer, Answering, Part, ServedModel } from "../vllm-server/served-model.ts";
import { AnswerText, type Detokenizer } from "./answer-text.ts";
import { chatRenderer } from "./chat-template.ts";
import {
  type LlamaChat,
  type LlamaCompletion,
  llamaChatSchema,
  llamaCompletionSchema,
  samplingOf,
} from "./llama-request.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { chatLogprobs, completionLogprobs, type WrittenToken } from "./logprobs.ts";
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
      const { prompt } = request;
      const tokens =
        typeof prompt === "string" ? tokensOf(prompt, request.add_special_tokens) : checkedIds(prompt, "prompt");
      const written = (tokens: readonly WrittenToken[], offset: number) =>
        request.logprobs === undefined
          ? undefined
          : completionLogprobs(tokens, request.logprobs, nameOf(request), offset);
      return answer(
        request,
        tokens,
        { maxTokens: request.max_tokens ?? 16, logprobs: request.logprobs, written },
        signal,
      );
    },
    chat(body, requestId, signal) {
      const request = parseGeneration(llamaChatSchema, body, requestId);
      const tokens = tokensOf(render(request.messages, renderingFlags(request)), request.add_special_tokens);
      const logprobs = request.logprobs ? request.top_logprobs : undefined;
      const written = (tokens: readonly WrittenToken[]) =>
        logprobs === undefined ? undefined : chatLogprobs(tokens, logprobs, nameOf(request));
      const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? maxModelLen;
      return answer(request, tokens, { maxTokens, logprobs, written }, signal);
    },
  };

  function checkedIds(tokens: readonly number[], param: string): readonly number[] {
    if (tokens.every((token) => token >= 0 && token < vocabulary)) return tokens;
    throw badRequest(`${param}: the vocabulary has the ids 0 to ${vocabulary - 1}`, param);
  }

  function answer(
    request: LlamaCompletion | LlamaChat,
    prompt: readonly number[],
    asked: {
      maxTokens: number;
      logprobs: number | undefined;
      written: (tokens: readonly WrittenToken[], offset: number) => object | undefined;
    },
    signal: AbortSignal,
  ): Answering {
    checkModel(request.model, name);
    checkMaxTokens(asked.maxTokens, maxModelLen);
    if (prompt.length === 0) throw badRequest("The prompt has no tokens.", "prompt");
    const overflow = contextOverflow(prompt.length, maxModelLen);
    if (overflow) throw overflow;
    const sampling = samplingOf(request, asked.logprobs);
    const detokenizer: Detokenizer = {
      detokenize: (tokens) => textOf(tokens, !request.skip_special_tokens),
      isEnd: (token) => model.isEogToken(token),
    };
    const text = new AnswerText(detokenizer, prompt, {
      stop: stopStringsOf(request),
      includeStop: request.include_stop_str_in_output ?? false,
      stopTokens: new Set(request.stop_token_ids),
      ignoreEnd: request.ignore_eos,
      maxTokens: Math.min(asked.maxTokens, maxModelLen - prompt.length),
    });
    const written: WrittenToken[] = [];
    const usage = { promptTokens: prompt.length, completionTokens: 0, cachedTokens: 0 };

    /** Resolves when the text has ended. */
    const generate = (onToken: () => void) => {
      const sampler = new TokenSampler(addon, model, vocabulary, sampling, prompt);
      const onSampled: Parameters<SequenceEngine["run"]>[0]["onToken"] = ({ token, logprobs }) => {
        text.add(token);
        usage.completionTokens = text.tokens;
        written.push({ token, logprobs });
        onToken();
        if (text.ending === undefined) return "more";
        return text.ending.stopReason === null && text.ending.finishReason === "stop" ? "over" : "stopped";
      };
      return engine.run({ prompt, sampler, onToken: onSampled, signal }, (cachedTokens) => {
        usage.cachedTokens = cachedTokens;
      });
    };
    /** What is sent of tokens that were asked for. */
    const extras = (tokens: readonly WrittenToken[], offset: number) => ({
      tokenIds: request.return_token_ids ? tokens.map(({ token }) => token) : undefined,
      logprobs: asked.written(tokens, offset),
    });
    const whole = (): Answer => {
      if (!text.ending) throw new Error("a text that has not ended");
      return { ...usage, choices: [{ index: 0, text: text.text, ...text.ending, ...extras(written, 0) }] };
    };

    return {
      options: request,
      promptTokens: prompt.length,
      async whole() {
        await generate(() => {});
        return whole();
      },
      async *parts(): AsyncGenerator<Part, Answer> {
        let more = Promise.withResolvers<void>();
        const finished = generate(() => more.resolve());
        finished.catch((error: unknown) => more.reject(error));
        let sent = 0; // tokens
        let characters = 0;
        while (!text.ending || sent < written.length) {
          await more.promise;
          more = Promise.withResolvers();
          more.promise.catch(() => {}); // whoever waits hears of it
          const piece = text.take();
          if (piece === "" && !text.ending) continue;
          const tokens = written.slice(sent);
          sent = written.length;
          const ending = text.ending ? { ending: text.ending } : {};
          yield { index: 0, text: piece, usage: { ...usage }, ...extras(tokens, characters), ...ending };
          characters += piece.length;
        }
        await finished;
        return whole();
      },
    };
  }

  const server = await startProtocolServer(served, counts);
  return {
    ...server,
    async close() {
      engine.close();
      await server.close();
    },
  };
}
