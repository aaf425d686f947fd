import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { exitCodes, UserError } from "../../core/user-error.ts";
import type { ServerCounts } from "./metrics.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Answer, AnsweredChoice, Answering, Part, ServedModel, Usage } from "./served-model.ts";

export interface ListenOptions {
  host?: string;
  port?: number; // 0: one that the system picks
  apiKey?: string; // asked for under /v1, as vLLM does
  /** One line per request that was answered. */
  log?: (line: string) => void;
}

export interface ProtocolServer {
  url: string; // …/v1
  port: number;
  /** Ends the requests in flight too. */
  close(): Promise<void>;
}

const bodyBytesAtMost = 16 * 2 ** 20;
const discardedBytesAtMost = 256 * 2 ** 20; // of a body that is refused: its sender reads the answer once it has sent all

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
 * Starts a server on loopback that speaks vLLM's HTTP protocol for a model. `counts` are kept up to date. A port that is
 * taken is a UserError.
 */
export async function startProtocolServer(
  model: ServedModel,
  counts: ServerCounts,
  { host = "127.0.0.1", port = 0, apiKey, log = () => {} }: ListenOptions = {},
): Promise<ProtocolServer> {
  const { name, maxModelLen, version } = model;
  const startedAt = epochSeconds();

  const routes: Record<string, Route> = {
    "/health": { method: "GET", answer: ({ response }) => send(response, 200, "") },
    "/ping": { method: "GET", answer: ({ response }) => send(response, 200, "") },
    "/version": { method: "GET", answer: ({ response }) => sendJson(response, 200, { version }) },
    "/metrics": {
      method: "GET",
      answer: ({ response }) => send(response, 200, model.metrics(), "text/plain; version=0.0.4; charset=utf-8"),
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
        const { tokens, pieces } = model.tokenize(body);
        sendJson(response, 200, { count: tokens.length, max_model_len: maxModelLen, tokens, token_strs: pieces });
      },
    },
    "/detokenize": {
      method: "POST",
      answer: ({ body, response }) => sendJson(response, 200, { prompt: model.detokenize(body) }),
    },
    "/v1/completions": {
      method: "POST",
      answer: (exchange) =>
        answerGeneration(exchange, completionWords, () =>
          model.complete(exchange.body, exchange.requestId, exchange.signal),
        ),
    },
    "/v1/chat/completions": {
      method: "POST",
      answer: (exchange) =>
        answerGeneration(exchange, chatWords, () => model.chat(exchange.body, exchange.requestId, exchange.signal)),
    },
  };

  async function answerGeneration(
    { response, signal, describe }: Exchange,
    words: Words,
    begin: () => Answering,
  ): Promise<void> {
    counts.running += 1;
    try {
      const answering = begin();
      counts.promptTokens += answering.promptTokens;
      const { request_id, stream } = answering.options;
      const envelope = {
        id: words.id(request_id ?? randomUUID().replaceAll("-", "")),
        created: epochSeconds(),
        model: name,
      };
      const tell = ({ choices: [first], completionTokens }: Answer) => {
        const end = first?.stopReason ? JSON.stringify(first.stopReason) : first?.finishReason;
        describe(`${envelope.id} ${end} ${completionTokens} tokens`);
      };
      const answer = stream ? await sendStream(response, signal, envelope, answering, words) : await answering.whole();
      tell(answer);
      if (!stream) sendJson(response, 200, responseBody(envelope, answer, words));
      counts.generationTokens += answer.completionTokens;
      for (const { finishReason } of answer.choices) counts.finished[finishReason] += 1;
    } catch (error) {
      if (!signal.aborted && !(error instanceof ProtocolError)) counts.finished.error += 1;
      throw error;
    } finally {
      counts.running -= 1;
    }
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

function usageOf(usage: Usage): object {
  return { ...usageSoFar(usage), prompt_tokens_details: { cached_tokens: usage.cachedTokens } };
}

function usageSoFar({ promptTokens, completionTokens }: Usage): object {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
  };
}

/** Of a choice, or of a part of one. */
function extras({ tokenIds, logprobs }: Pick<AnsweredChoice, "tokenIds" | "logprobs">): object {
  return { logprobs: logprobs ?? null, ...(tokenIds ? { token_ids: tokenIds } : {}) };
}

function responseBody(envelope: Envelope, answer: Answer, words: Words): object {
  return {
    ...envelope,
    object: words.object,
    choices: answer.choices.map(({ index, text, finishReason, stopReason, ...choice }) => ({
      index,
      ...words.whole(text),
      ...extras(choice),
      finish_reason: finishReason,
      stop_reason: stopReason,
    })),
    usage: usageOf(answer),
    kv_transfer_params: null,
  };
}

/**
 * Server-sent events: the text in parts as they come, the last part of a choice with its finish, then the usage if asked
 * for.
 */
async function sendStream(
  response: ServerResponse,
  signal: AbortSignal,
  envelope: Envelope,
  answering: Answering,
  words: Words,
): Promise<Answer> {
  const { stream_options } = answering.options;
  const includeUsage = stream_options?.include_usage ?? false;
  const continuous = includeUsage && (stream_options?.continuous_usage_stats ?? false);
  const event = async (choices: readonly object[], usage?: object) => {
    const chunk = { ...envelope, object: words.chunkObject, choices, ...(usage ? { usage } : {}) };
    // A client that does not read is waited for, until it reads on or is gone.
    if (!response.write(`data: ${JSON.stringify(chunk)}\n\n`)) await once(response, "drain", { signal });
  };
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  response.flushHeaders(); // the first token may take its time

  const parts = answering.parts();
  let opened = -1; // the last choice that has begun
  for (;;) {
    const next = await parts.next();
    if (next.done) {
      if (includeUsage) await event([], usageOf(next.value));
      response.end(lastEvent);
      return next.value;
    }
    const { index, text, usage, ending, ...part }: Part = next.value;
    const soFar = continuous ? usageSoFar(usage) : undefined;
    if (words.opening && index !== opened) {
      await event([{ index, ...words.opening, logprobs: null, ...words.unfinished }], soFar);
    }
    opened = index;
    const finish = ending ? { finish_reason: ending.finishReason, stop_reason: ending.stopReason } : {};
    await event([{ index, ...words.part(text), ...extras(part), ...words.unfinished, ...finish }], soFar);
  }
}

const lastEvent = "data: [DONE]\n\n";

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
