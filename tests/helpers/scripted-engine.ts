import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Completion, streamed } from "./streamed-completion.ts";

/** A request for a generation, as a script sees it. */
export interface ScriptedRequest {
  path: string; // /v1/completions or /v1/chat/completions
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever fields it is about
  body: any;
  headers: IncomingHttpHeaders;
  /** From `request_id`, or else from the X-Request-Id header. */
  requestId: string;
  problemId: string;
  replicate: number;
  candidate: number;
  turn: number;
  attempt: number;
}

/** What the server answers: a text is the text of a completion that ended by itself or by the stop string it ends with. */
export type ScriptedReply =
  | string
  | {
      text?: string;
      finish?: unknown;
      /** stop_reason [the stop string the text ends with, else null] */
      stop?: string | number | null;
      /** [of a token for 4 bytes]; null leaves it out */
      usage?: object | null;
      delayMilliseconds?: number;
      status?: number;
      headers?: Record<string, string>;
      /** The message of an error body, with a status other than 200. */
      message?: string;
      /** A body in place of the one made from the fields above, with its content type [application/json]. */
      raw?: string | Buffer;
      contentType?: string;
      /** The body of a stream, written one after the other, each on its own where that can be. */
      pieces?: readonly (string | Buffer)[];
      /** What follows the pieces [their end]: nothing more, or the connection's end. */
      after?: "silence" | "cut";
      /** The body is written in so many pieces, a millisecond apart. */
      drip?: number;
      /** The connection ends after so many bytes of the body, although more were announced. */
      cutAfterBytes?: number;
      /** No answer, ever. */
      hang?: boolean;
      /** The connection is reset. */
      reset?: boolean;
    };

export interface ScriptedEngineOptions {
  models?: string[]; // ["scripted"]
  maxModelLen?: number | null; // 8192; null: the server does not tell
  version?: string | null;
  apiKey?: string;
  /** Token count of a text for /tokenize [a quarter of its length]; null: no such endpoint. */
  tokenize?: ((text: string) => number) | null;
  /** Answers any request in its own way, if it gives a reply. */
  intercept?: (path: string, body: unknown) => ScriptedReply | undefined;
}

export interface LoggedRequest extends ScriptedRequest {
  /** The client closed the connection before it was answered. */
  aborted: boolean;
  done: boolean;
}

export interface ScriptedEngine {
  url: string; // http://127.0.0.1:…
  baseUrl: string; // the same with /v1
  /** Requests for a generation, in order of arrival. */
  log: LoggedRequest[];
  /** Paths of all other requests, with their bodies and headers. */
  others: { path: string; body: unknown; headers: IncomingHttpHeaders }[];
  running: number;
  mostRunning: number;
  connections: number; // that were ever made
  close(): Promise<void>;
}

/** A loopback server that speaks vLLM's HTTP protocol and says what the script says. Stop it with `close`. */
export async function startScriptedEngine(
  reply: (request: ScriptedRequest) => ScriptedReply | Promise<ScriptedReply>,
  options: ScriptedEngineOptions = {},
): Promise<ScriptedEngine> {
  const { models = ["scripted"], version = "0.99.0-scripted", apiKey, intercept } = options;
  const maxModelLen = options.maxModelLen === undefined ? 8192 : options.maxModelLen;
  const tokenize = options.tokenize === undefined ? (text: string) => Math.ceil(text.length / 4) : options.tokenize;
  const sockets = new Set<Socket>();
  const stopped = new AbortController();
  const engine: ScriptedEngine = {
    url: "",
    baseUrl: "",
    log: [],
    others: [],
    running: 0,
    mostRunning: 0,
    connections: 0,
    async close() {
      stopped.abort();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { body, isJson } = await readBody(request);
    const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
    const generates = path === "/v1/completions" || path === "/v1/chat/completions";
    if (!generates) engine.others.push({ path, body, headers: request.headers });
    const intercepted = intercept?.(path, body);
    if (intercepted !== undefined) return write(intercepted, { path, body } as ScriptedRequest, response);
    if (path.startsWith("/v1/") && apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
      return write({ status: 401, raw: '{"error":"Unauthorized"}' }, { path, body } as ScriptedRequest, response);
    }
    if (generates && isJson) return generate(path, body, request, response);
    const known = other(path, body);
    const reply = known === undefined ? { status: 404, message: "Not Found" } : { raw: JSON.stringify(known) };
    return write(reply, { path, body } as ScriptedRequest, response);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  function other(path: string, body: any): object | undefined {
    if (path === "/v1/models") {
      const length = maxModelLen === null ? {} : { max_model_len: maxModelLen };
      return { object: "list", data: models.map((id) => ({ id, object: "model", owned_by: "vllm", ...length })) };
    }
    if (path === "/version" && version !== null) return { version };
    if (path === "/tokenize" && tokenize !== null) {
      const text = body.prompt ?? body.messages.map(({ content }: { content: string }) => content).join("");
      return { count: tokenize(text), max_model_len: maxModelLen, tokens: [] };
    }
    return undefined;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async function generate(path: string, body: any, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = String(body.request_id ?? request.headers["x-request-id"] ?? "");
    const parts = requestId.split(":");
    const [replicate, candidate, turn, attempt] = parts.slice(-4).map(Number);
    const entry: LoggedRequest = {
      path,
      body,
      headers: request.headers,
      requestId,
      problemId: parts.slice(0, -4).join(":"),
      replicate: replicate ?? 0,
      candidate: candidate ?? 0,
      turn: turn ?? 0,
      attempt: attempt ?? 0,
      aborted: false,
      done: false,
    };
    engine.log.push(entry);
    engine.running += 1;
    engine.mostRunning = Math.max(engine.mostRunning, engine.running);
    response.once("close", () => {
      entry.aborted = !response.writableFinished && !entry.done;
      entry.done = true;
      engine.running -= 1;
    });
    const scripted = await reply(entry);
    await write(scripted, entry, response, () => {
      entry.done = true;
    });
  }

  async function write(
    scripted: ScriptedReply,
    request: ScriptedRequest,
    response: ServerResponse,
    endedByServer: () => void = () => {},
  ): Promise<void> {
    const reply = typeof scripted === "string" ? { text: scripted } : scripted;
    if (reply.delayMilliseconds !== undefined) {
      await sleep(reply.delayMilliseconds, undefined, { signal: stopped.signal }).catch(() => {});
    }
    if (reply.hang || response.destroyed) return;
    if (reply.reset) {
      endedByServer();
      response.socket?.resetAndDestroy();
      return;
    }
    if (reply.pieces !== undefined) return writePieces(reply, response, endedByServer);
    if (request.body?.stream === true && reply.raw === undefined && (reply.status ?? 200) === 200) {
      const pieces = streamed(completion(reply, request), request.body.stream_options?.include_usage);
      return writePieces({ ...reply, pieces }, response, endedByServer);
    }
    const { status = 200, contentType = "application/json" } = reply;
    const body = Buffer.from(reply.raw ?? JSON.stringify(status === 200 ? completion(reply, request) : failure(reply)));
    response.writeHead(status, { "Content-Type": contentType, "Content-Length": body.length, ...reply.headers });
    if (reply.cutAfterBytes !== undefined) {
      endedByServer();
      response.write(body.subarray(0, reply.cutAfterBytes), () => response.socket?.destroy());
      return;
    }
    const pieces = reply.drip ?? 1;
    const size = Math.ceil(body.length / pieces);
    for (let piece = 0; piece < pieces && !response.destroyed; piece += 1) {
      response.write(body.subarray(piece * size, (piece + 1) * size));
      if (pieces > 1) await sleep(1);
    }
    response.end();
  }

  async function writePieces(
    { pieces = [], after, headers, contentType = "text/event-stream; charset=utf-8" }: ReplyFields,
    response: ServerResponse,
    endedByServer: () => void,
  ): Promise<void> {
    response.writeHead(200, { "Content-Type": contentType, ...headers });
    response.flushHeaders();
    for (const piece of pieces) {
      if (response.destroyed) return;
      response.write(piece);
      await new Promise(setImmediate);
    }
    if (after === undefined) response.end();
    if (after !== "cut") return;
    endedByServer();
    response.socket?.destroySoon();
  }

  const server = createServer({ keepAliveTimeout: 5000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  server.on("connection", (socket: Socket) => {
    engine.connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  engine.baseUrl = `${engine.url}/v1`;
  return engine;
}

async function readBody(request: IncomingMessage) {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  try {
    return { body: JSON.parse(text), isJson: true };
  } catch {
    return { body: text, isJson: false };
  }
}

type ReplyFields = Exclude<ScriptedReply, string>;

function completion(reply: ReplyFields, { path, body, requestId }: ScriptedRequest): Completion {
  const text = reply.text ?? "";
  const finish = reply.finish === undefined ? "stop" : reply.finish;
  const stops: string[] = body.stop ?? [];
  const ending = stops.find((stop) => text.endsWith(stop)) ?? null;
  const stop = reply.stop === undefined ? ending : reply.stop;
  const prompt = Math.max(1, Math.ceil(Buffer.byteLength(JSON.stringify(body.prompt ?? body.messages ?? "")) / 4));
  const written = Math.max(1, Math.ceil(Buffer.byteLength(text) / 4));
  const usage = { prompt_tokens: prompt, completion_tokens: written, total_tokens: prompt + written };
  const choice = {
    index: 0,
    ...(path.includes("/chat/") ? { message: { role: "assistant", content: text } } : { text }),
    finish_reason: finish,
    stop_reason: finish === "stop" ? stop : null,
    logprobs: null,
  };
  return {
    id: `cmpl-${requestId}`,
    object: "text_completion",
    created: 0,
    model: body.model,
    choices: [choice],
    ...(reply.usage === null ? {} : { usage: reply.usage ?? usage }),
  };
}

function failure({ status, message = "scripted" }: ReplyFields): object {
  return { error: { message, type: "ScriptedError", param: null, code: status } };
}

/** Waits until something has happened on a scripted engine; fails after a minute, which a busy machine may need. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries >= 12_000) throw new Error(`It did not happen: ${condition}`);
    await sleep(5);
  }
}
