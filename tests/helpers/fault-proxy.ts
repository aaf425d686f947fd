import { once } from "node:events";
import { createServer, type IncomingMessage, request as requestOf, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request on its way to the engine, as a script of faults sees it. */
export interface PassingRequest {
  number: number; // from 0, over all requests
  path: string;
  generates: boolean; // asks for a completion
  /** From `request_id`, or else from the X-Request-Id header; empty for what is no generation. */
  requestId: string;
  /** `<problemId>:<replicate>:<candidate>` of it, its turn and its attempt. */
  candidate: string;
  turn: number;
  attempt: number;
}

export interface LoggedPassage extends PassingRequest {
  fault: Fault | undefined;
  /** The client closed the connection before the reply was whole. */
  aborted: boolean;
}

/**
 * What goes wrong with a request. `at` is where: before anything is answered, within the headers, or after `bytes` bytes of
 * the body [half of it]. Bodies are those of the engine behind, unless one is given.
 */
export type Fault =
  | { kind: "reset"; at: "request" | "headers" | "body"; bytes?: number }
  /** Nothing more comes, and the connection stays open. */
  | { kind: "hang"; at: "request" | "headers" | "body"; bytes?: number }
  | { kind: "delay"; milliseconds: number }
  | { kind: "answer"; status?: number; headers?: Record<string, string>; body: string }
  /** The engine's reply, changed; `contentLength` is how many bytes more are announced than there are. */
  | { kind: "change"; body?: (body: string) => string; contentLength?: number }
  | { kind: "drip"; bytes: number; milliseconds: number }
  /** A valid completion whose text is so many bytes long. */
  | { kind: "flood"; bytes: number };

export interface FaultProxy {
  url: string; // http://127.0.0.1:…
  baseUrl: string; // the same with /v1
  log: LoggedPassage[];
  /** Bytes of bodies that were written to clients. */
  bytesWritten: number;
  /** As a server that is killed: open connections are reset, new ones refused. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Stands between a client and an engine, both on loopback, and does to each request what `faultOf` says; undefined lets
 * it pass. Stop it with `close`.
 */
export async function startFaultProxy(
  engineUrl: string,
  faultOf: (request: PassingRequest) => Fault | undefined,
): Promise<FaultProxy> {
  const { hostname, port } = new URL(engineUrl);
  const sockets = new Set<Socket>();
  const proxy: FaultProxy = { url: "", baseUrl: "", log: [], bytesWritten: 0, stop, start, close: stop };
  let ownPort = 0;

  const server = createServer({ keepAliveTimeout: 5000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });

  async function start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(ownPort, "127.0.0.1", resolve);
    });
    ownPort = (server.address() as AddressInfo).port;
  }

  async function stop(): Promise<void> {
    for (const socket of sockets) socket.resetAndDestroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const passing = describe(request, sent, proxy.log.length);
    const fault = faultOf(passing);
    const entry: LoggedPassage = { ...passing, fault, aborted: false };
    proxy.log.push(entry);
    let isOurs = false; // the connection's end
    const left = new AbortController();
    response.once("close", () => {
      entry.aborted = !response.writableFinished && !isOurs;
      left.abort();
    });
    const reset = () => {
      isOurs = true;
      response.socket?.resetAndDestroy();
    };
    const write = async (body: Buffer) => {
      proxy.bytesWritten += body.length;
      if (!response.write(body)) await once(response, "drain", { signal: left.signal }).catch(() => {});
    };

    if (fault?.kind === "answer") {
      const { status = 200, headers = {}, body } = fault;
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      response.end(body);
      return;
    }
    if (fault?.kind === "flood") {
      const [before, after] = floodedCompletion;
      response.writeHead(200, { "Content-Type": "application/json" });
      await write(Buffer.from(before));
      const piece = Buffer.alloc(65536, "x");
      for (let bytes = 0; bytes < fault.bytes && !response.destroyed; bytes += piece.length) await write(piece);
      response.end(after);
      return;
    }
    const breaks = fault?.kind === "reset" || fault?.kind === "hang" ? fault : undefined;
    if (breaks?.at === "request") {
      if (breaks.kind === "reset") reset();
      return;
    }
    if (fault?.kind === "delay") await sleep(fault.milliseconds, undefined, { signal: left.signal }).catch(() => {});
    if (left.signal.aborted) return;

    const reply = await passOn(request, sent, left.signal);
    const headers = { "Content-Type": reply.headers["content-type"] ?? "application/json" };
    if (fault === undefined || fault.kind === "delay") {
      response.writeHead(reply.statusCode ?? 502, headers);
      response.flushHeaders();
      for await (const piece of reply) await write(piece as Buffer);
      response.end();
      return;
    }
    if (breaks?.at === "headers") {
      response.socket?.write("HTTP/1.1 200 OK\r\nContent-Type: applica", () => breaks.kind === "reset" && reset());
      return;
    }
    const body = Buffer.concat(await Array.fromAsync(reply as AsyncIterable<Buffer>));
    if (fault.kind === "change") {
      const changed = Buffer.from(fault.body?.(body.toString()) ?? body);
      const announced = changed.length + (fault.contentLength ?? 0);
      response.writeHead(reply.statusCode ?? 502, { ...headers, "Content-Length": announced });
      response.end(changed, () => (fault.contentLength ?? 0) > 0 && response.socket?.end());
      return;
    }
    response.writeHead(reply.statusCode ?? 502, { ...headers, "Content-Length": body.length });
    if (fault.kind === "drip") {
      for (let at = 0; at < body.length && !response.destroyed; at += fault.bytes) {
        await write(body.subarray(at, at + fault.bytes));
        await sleep(fault.milliseconds, undefined, { signal: left.signal }).catch(() => {});
      }
      response.end();
      return;
    }
    response.write(body.subarray(0, fault.bytes ?? body.length / 2), () => fault.kind === "reset" && reset());
  }

  function passOn(request: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { method, url: path, headers } = request;
      requestOf({ hostname, port, method, path, headers, signal, agent: false }, resolve).on("error", reject).end(body);
    });
  }

  await start();
  proxy.url = `http://127.0.0.1:${ownPort}`;
  proxy.baseUrl = `${proxy.url}/v1`;
  return proxy;
}

const floodedCompletion = ['{"choices":[{"text":"', '","finish_reason":"stop"}]}'] as const;

function describe({ url = "/", headers }: IncomingMessage, body: Buffer, number: number): PassingRequest {
  const path = new URL(url, "http://127.0.0.1").pathname;
  const generates = path.endsWith("/completions");
  const requestId = generates ? (requestIdIn(body) ?? String(headers["x-request-id"] ?? "")) : "";
  const parts = requestId.split(":");
  const [turn = 0, attempt = 0] = parts.slice(-2).map(Number);
  return { number, path, generates, requestId, candidate: parts.slice(0, -2).join(":"), turn, attempt };
}

function requestIdIn(body: Buffer): string | undefined {
  try {
    return JSON.parse(body.toString()).request_id;
  } catch {
    return undefined;
  }
}
