import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

/** What a handler may look at: the request, and how many came before it. */
export type Handler = (request: IncomingMessage, response: ServerResponse, earlier: number) => void;

export interface FileServer {
  url: string;
  requests: IncomingMessage[]; // in order of arrival
  close(done: () => void): void;
}

/** A server on a loopback port that the system picks. It stops when the test file ends. */
export async function fileServer(handler: Handler): Promise<FileServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: (done) => server.close(done),
  };
}

/** Serves bytes with an etag, and ranges of them after RFC 9110. */
export function sendFile(request: IncomingMessage, response: ServerResponse, bytes: Buffer, etag = '"v1"'): void {
  const range = /^bytes=(\d+)-$/u.exec(request.headers.range ?? "");
  const fits = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
  const start = Number(range?.[1] ?? 0);
  if (!range || !fits) {
    response.writeHead(200, { etag, "content-length": bytes.length }).end(bytes);
  } else if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else {
    const contentRange = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    const headers = { etag, "content-length": bytes.length - start, "content-range": contentRange };
    response.writeHead(206, headers).end(bytes.subarray(start));
  }
}

/**
 * Announces the whole file and sends its first bytes. Whoever has seen them arrive breaks the connection with the
 * returned function; broken off by the server at once, they might be lost on their way.
 */
export function sendPart(response: ServerResponse, bytes: Buffer, count: number, etag = '"v1"'): () => void {
  response.writeHead(200, { etag, "content-length": bytes.length });
  response.write(bytes.subarray(0, count));
  return () => response.destroy();
}
