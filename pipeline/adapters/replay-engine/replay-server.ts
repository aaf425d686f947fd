import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { z } from "zod";
import type { Sequence } from "../../core/engine-model/engine-model.ts";
import { exitCodes, UserError } from "../../core/user-error.ts";
import { checkModel, type Generated, generateChat, generateCompletion, type Model } from "./generate.ts";
import { Metrics } from "./metrics.ts";
import { badRequest, ProtocolError } from "./protocol-error.ts";
import type { Recordings } from "./recordings.ts";
import { Replay } from "./replay.ts";
import {
  chatBodySchema,
  completionBodySchema,
  detokenizeBodySchema,
  parseBody,
  render,
  renderingFlags,
  tokenizeBodySchema,
} from "./request-body.ts";
import { Pace, takeTime } from "./take-time.ts";
import type { TimedModel } from "./timed-model.ts";
import { pieces, Vocabulary } from "./tokenizer.ts";
import type { Transit } from "./transit.ts";

export interface ReplayServerOptions {
  recordings: Recordings;
  model: string;
  maxModelLen: number; // tokens of prompt and answer together
  host?: string;
  port?: number; // 0: one that the system picks
  apiKey?: string; // asked for under /v1, as vLLM does
  /** Prompts with `{problem}` in place of the statement, if they are known; else they are learned. */
  templates?: readonly string[];
  /** Says when a request is answered; without it at once. */
  timed?: TimedModel;
  /** Of a client in this process, on virtual time. */
  transit?: Transit;
  /** One line per request that was answered. */
  log?: (line: string) => void;
}

export interface ReplayServer {
  url: string; // …/v1
  port: number;
  /** Ends the requests in flight too. */
  close(): Promise<void>;
}

const bodyBytesAtMost = 16 * 2 ** 20;
const discardedBytesAtMost = 256 * 2 ** 20; // of a body that is refused: its sender reads the answer once it has sent all
const tokensPerEvent = 8; // of a stream, after its first
const version = "0.0.0+sctir-replay";

interface Route {
  method: "GET" | "POST";
  answer: (exchange: Exchange) => void | Promise<void>;
}

interface Exchange {
  body: string;
  requestId: string | undefined; // from the header
  response: ServerResponse;
  /** Aborted when the client has gone. */
  signal: AbortSignal;
  /** What the log says of it, once it is known. */
  describe: (text: string) => void;
}

/**
 * Starts a server on loopback that speaks vLLM's HTTP protocol and answers from recordings. A port that is taken is a
 * UserError.
 */
export async function startReplayServer({
  recordings,
  model: name,
  maxModelLen,
  host = "127.0.0.1",
  port = 0,
  apiKey,
  templates = [],
  timed,
  transit,
  log = () => {},
}: ReplayServerOptions): Promise<ReplayServer> {
  const model: Model = { name, maxModelLen, replay: new Replay(recordings, templates), vocabulary: new Vocabulary() };
  const metrics = new Metrics();
  const startedAt = epochSeconds();

  const routes: Record<string, Route> = {
    "/health": { method: "GET", answer: ({ response }) => send(response, 200, "") },
    "/ping": { method: "GET", answer: ({ response }) => send(response, 200, "") },
    "/version": { method: "GET", answer: ({ response }) => sendJson(response, 200, { version }) },
    "/metrics": {
      method: "GET",
      answer: ({ response }) =>
        send(response, 200, metrics.text(name, timed), "text/plain; version=0.0.4; charset=utf-8"),
    },
    "/v1/models": {
      method: "GET",
      answer({ response }) {
        const entry = { id: name, object: "model", created: startedAt, owned_by: "vllm", root: name, parent: null };
        sendJson(response, 200, { object: "list", data: [{ ...entry, max_model_len: maxModelLen, permission: [] }] });
      },
    },
    "/tokenize": {
      method: "POST",
      answer({ body, response }) {
        const request = parseBody(tokenizeBodySchema, body);
        checkModel(request.model, model);
        const text = request.messages ? render(request.messages, renderingFlags(request)) : request.prompt;
        if (text === undefined) throw badRequest("prompt: expected a prompt or messages", "prompt");
        const tokens = model.vocabulary.idsOf(text);
        sendJson(response, 200, {
          count: tokens.length,
          max_model_len: maxModelLen,
          tokens,
          token_strs: request.return_token_strs ? [...pieces(text)] : null,
        });
      },
    },
    "/detokenize": {
      method: "POST",
      answer({ body, response }) {
        const request = parseBody(detokenizeBodySchema, body);
        checkModel(request.model, model);
        const prompt = model.vocabulary.textOf(request.tokens);
        if (prompt === undefined) throw badRequest("tokens: ids that this server did not give out", "tokens");
        sendJson(response, 200, { prompt });
      },
    },
    "/v1/completions": {
      method: "POST",
      answer: (exchange) => {
        const request = parseGeneration(completionBodySchema, exchange);
        return answerGeneration(exchange, request, completionWords, () => generateCompletion(request, model));
      },
    },
    "/v1/chat/completions": {
      method: "POST",
      answer: (exchange) => {
        const request = parseGeneration(chatBodySchema, exchange);
        return answerGeneration(exchange, request, chatWords, () => generateChat(request, model));
      },
    },
  };

  async function answerGeneration(
    { response, signal, describe }: Exchange,
    request: GenerationOptions,
    words: Words,
    generate: () => Generated,
  ): Promise<void> {
    metrics.running += 1;
    try {
      const generated = generate();
      metrics.promptTokens += generated.promptTokens;
      const envelope = {
        id: words.id(request.request_id ?? randomUUID().replaceAll("-", "")),
        created: epochSeconds(),
        model: name,
      };
      const first = generated.choices[0];
      const end = first?.stopReason ? JSON.stringify(first.stopReason) : first?.finishReason;
      describe(`${envelope.id} ${end} ${generated.completionTokens} tokens`);
      if (request.stream) {
        const paces = generated.choices.map((choice) => new Pace(choice, timed, signal));
        await stream(response, signal, envelope, generated, paces, request, words);
      } else {
        const cachedTokens = timed ? await spend(generated, timed, request, signal) : generated.cachedTokens;
        sendJson(response, 200, responseBody(envelope, { ...generated, cachedTokens }, words));
      }
      metrics.generationTokens += generated.completionTokens;
      for (const { finishReason } of generated.choices) metrics.finished[finishReason] += 1;
    } catch (error) {
      if (!signal.aborted && !(error instanceof ProtocolError)) metrics.finished.error += 1;
      throw error;
    } finally {
      metrics.running -= 1;
    }
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

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const path = (request.url ?? "/").replace(/\?.*$/su, "").replace(/(?<=.)\/$/u, "");
    let description = "";
    try {
      const body = await readBody(request); // whatever the answer is, so that the connection can be used again
      if (apiKey !== undefined && path.startsWith("/v1") && !isAuthorized(request, apiKey)) {
        sendJson(response, 401, { error: "Unauthorized" }); // vLLM's own middleware: no error object here
        return;
      }
      const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
      if (!route) return sendJson(response, 404, { detail: "Not Found" }); // FastAPI's own, as the next
      if (request.method !== route.method) {
        response.setHeader("allow", route.method);
        return sendJson(response, 405, { detail: "Method Not Allowed" });
      }
      const requestId = request.headers["x-request-id"];
      await route.answer({
        body,
        requestId: Array.isArray(requestId) ? requestId[0] : requestId,
        response,
        signal: gone.signal,
        describe: (text) => {
          description = ` ${text}`;
        },
      });
    } catch (error) {
      if (gone.signal.aborted || (request.destroyed && !request.complete)) {
        response.destroy();
        description += " client gone";
      } else {
        description += ` ${error instanceof Error ? error.message : error}`;
        const known =
          error instanceof ProtocolError ? error : new ProtocolError(500, "InternalServerError", String(error));
        if (response.headersSent)
          response.end(`data: ${JSON.stringify(known.body)}\n\n${lastEvent}`); // of a stream
        else {
          if (known.status === 413) response.setHeader("connection", "close");
          sendJson(response, known.status, known.body);
        }
      }
    } finally {
      log(`${request.method} ${path} ${response.statusCode}${description}`);
    }
  }

  const server = createServer((request, response) => void handle(request, response));
  server.keepAliveTimeout = 5_000; // uvicorn's, which vLLM leaves as it is
  server.requestTimeout = 0;
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (error) {
    throw cannotListen(error, host, port);
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${reachable}:${address.port}/v1`,
    port: address.port,
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface GenerationOptions {
  request_id?: string | null | undefined;
  stream?: boolean | null | undefined;
  stream_options?:
    | { include_usage?: boolean | null | undefined; continuous_usage_stats?: boolean | null | undefined }
    | null
    | undefined;
}

interface Envelope {
  id: string;
  created: number;
  model: string;
}

/** How a protocol names a response, and where a text stands in a choice of it. */
interface Words {
  id: (requestId: string) => string;
  object: string;
  chunkObject: string;
  whole: (text: string) => object;
  /** The choice's first event may hold more than text. */
  opening: object | undefined;
  unfinished: object;
  part: (text: string) => object;
}

const completionWords: Words = {
  id: (requestId) => `cmpl-${requestId}`,
  object: "text_completion",
  chunkObject: "text_completion",
  whole: (text) => ({ text, prompt_logprobs: null }),
  opening: undefined,
  unfinished: { finish_reason: null, stop_reason: null },
  part: (text) => ({ text }),
};

const chatWords: Words = {
  id: (requestId) => `chatcmpl-${requestId}`,
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  whole: (content) => ({ message: { role: "assistant", content, refusal: null } }),
  opening: { delta: { role: "assistant", content: "" } },
  unfinished: { finish_reason: null },
  part: (content) => ({ delta: { content } }),
};

function usageOf(generated: Generated): object {
  const { completionTokens, cachedTokens } = generated;
  return { ...usageSoFar(generated, completionTokens), prompt_tokens_details: { cached_tokens: cachedTokens } };
}

function usageSoFar({ promptTokens }: Generated, tokens: number): object {
  return { prompt_tokens: promptTokens, total_tokens: promptTokens + tokens, completion_tokens: tokens };
}

/** A prompt counts once for each of its choices. */
function cachedIn(sequences: readonly (Sequence | undefined)[]): number {
  return sequences.reduce((sum, sequence) => sum + (sequence?.cachedTokens ?? 0), 0);
}

function responseBody(envelope: Envelope, generated: Generated, words: Words): object {
  return {
    ...envelope,
    object: words.object,
    choices: generated.choices.map(({ index, text, finishReason, stopReason }) => ({
      index,
      ...words.whole(text),
      logprobs: null,
      finish_reason: finishReason,
      stop_reason: stopReason,
    })),
    usage: usageOf(generated),
    kv_transfer_params: null,
  };
}

/**
 * Server-sent events: the text in parts as they come, the last part of a choice with its finish, then the usage if asked
 * for.
 */
async function stream(
  response: ServerResponse,
  signal: AbortSignal,
  envelope: Envelope,
  generated: Generated,
  paces: readonly Pace[],
  { stream_options }: GenerationOptions,
  words: Words,
): Promise<void> {
  const includeUsage = stream_options?.include_usage ?? false;
  const continuous = includeUsage && (stream_options?.continuous_usage_stats ?? false);
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  response.flushHeaders(); // the first token may take its time
  const event = async (choices: readonly object[], usage?: object) => {
    const chunk = { ...envelope, object: words.chunkObject, choices, ...(usage ? { usage } : {}) };
    // A client that does not read is waited for, until it reads on or is gone.
    if (!response.write(`data: ${JSON.stringify(chunk)}\n\n`)) await once(response, "drain", { signal });
  };

  let tokens = 0;
  for (const { index, text, finishReason, stopReason, completionTokens } of generated.choices) {
    const before = tokens;
    const usage = () => (continuous ? usageSoFar(generated, tokens) : undefined);
    const unfinished = { logprobs: null, ...words.unfinished };
    if (words.opening) await event([{ index, ...words.opening, ...unfinished }], usage());
    const parts = inParts(text, completionTokens);
    let part = parts.next();
    do {
      const next = parts.next();
      const isLast = next.done === true;
      const sent = tokens === before ? 1 : tokensPerEvent;
      tokens = before + (isLast ? completionTokens : Math.min(tokens - before + sent, completionTokens));
      await paces[index]?.reach(tokens - before);
      const finish = isLast ? { ...unfinished, finish_reason: finishReason, stop_reason: stopReason } : unfinished;
      await event([{ index, ...words.part(part.value ?? ""), ...finish }], usage());
      part = next;
    } while (!part.done);
  }
  const sequences = await Promise.all(paces.map(({ finished }) => finished));
  const cachedTokens = sequences.includes(undefined) ? generated.cachedTokens : cachedIn(sequences);
  if (includeUsage) await event([], usageOf({ ...generated, cachedTokens }));
  response.end(lastEvent);
}

const lastEvent = "data: [DONE]\n\n";

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

/** A generation's body; its id is the header's, where there is one. */
function parseGeneration<Body extends GenerationOptions>(schema: z.ZodType<Body>, { body, requestId }: Exchange): Body {
  const request = parseBody(schema, body);
  return requestId === undefined ? request : { ...request, request_id: requestId };
}

/** The body as text. One that is too large is read on and thrown away, or its sender would never see the refusal. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= bodyBytesAtMost) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > discardedBytesAtMost) break;
  }
  if (bytes > bodyBytesAtMost) {
    throw new ProtocolError(413, "PayloadTooLargeError", `The body is larger than ${bodyBytesAtMost} bytes.`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function isAuthorized(request: IncomingMessage, apiKey: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${apiKey}`));
}

function send(response: ServerResponse, status: number, body: string, type?: string): void {
  response.writeHead(status, {
    ...(type === undefined ? {} : { "content-type": type }),
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, JSON.stringify(body), "application/json");
}

function epochSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function cannotListen(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const reasons: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is taken.`,
    EACCES: `Port ${port} on ${host} needs rights that this user lacks.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine.`,
    ENOTFOUND: `${host} is not known.`,
  };
  const reason = typeof code === "string" ? reasons[code] : undefined;
  if (reason === undefined) return error;
  return new UserError(reason, {
    hint: "Choose another with --port or --host; --port 0 takes one that is free.",
    exitCode: exitCodes.wrongUse,
    cause: error,
  });
}
