import { longestTimerMilliseconds, readStream, type StreamOptions } from "./event-stream.ts";
import { failureOf, type RequestFailure } from "./request-failure.ts";
import type { ServerClient } from "./server-client.ts";
import { StreamFault } from "./streamed-reply.ts";

/** What became of one HTTP request. A body is whatever the server sent: JSON of any shape, or text. */
export type Exchange =
  | { kind: "reply"; body: unknown; milliseconds: number; firstTokenMilliseconds?: number }
  | { kind: "failure"; failure: RequestFailure }
  | { kind: "aborted" };

export interface ExchangeOptions {
  /** Aborts the request, and with it the server's work. */
  signal: AbortSignal;
  /** From sending the request to the last byte of the reply. */
  timeoutSeconds: number;
  headers?: Record<string, string>;
  now: () => number;
  /** A reply of more bytes has failed [16 MiB]. */
  maxBytes?: number | undefined;
  /** Breaks the request off as one that failed, with a text that says why. */
  hangs?: AbortSignal | undefined;
  /** The body asks for a stream, which is read as it comes. */
  stream?: StreamOptions | undefined;
}

/**
 * One request to one server, tried once. `target` is a path below the base URL (`/models`), or a whole URL.
 *
 * Each request has an AbortController of its own: listeners on a signal shared by thousands of requests pile up.
 */
export async function exchange(
  server: ServerClient,
  target: string,
  body: object | undefined,
  { signal, timeoutSeconds, headers = {}, now, maxBytes, hangs, stream }: ExchangeOptions,
): Promise<Exchange> {
  if (signal.aborted) return { kind: "aborted" };
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort);
  let expired: string | undefined;
  const expire = (fault: string) => {
    expired = fault;
    controller.abort();
  };
  const hang = () => expire(String(hangs?.reason));
  hangs?.addEventListener("abort", hang);
  const milliseconds = Math.min(timeoutSeconds * 1000, longestTimerMilliseconds);
  const timer = setTimeout(expire, milliseconds, `no answer within ${timeoutSeconds} s`);
  const started = now();
  const elapsed = () => Math.max(0, now() - started);
  try {
    const options = { signal: controller.signal, headers };
    if (stream !== undefined && body !== undefined) {
      const response = await server.stream(target, { ...options, body, maxBytes });
      const reply = await readStream(response, stream, { elapsed, expire, hideKey: server.hideKey });
      return { kind: "reply", ...reply, milliseconds: elapsed() };
    }
    const fetchOptions = { dispatcher: server.agentFor(maxBytes) } as object;
    const reply = await (body === undefined
      ? server.sdk.get<unknown>(target, options)
      : server.sdk.post<unknown>(target, { ...options, fetchOptions, body }));
    return { kind: "reply", body: reply, milliseconds: elapsed() };
  } catch (error) {
    if (signal.aborted) return { kind: "aborted" };
    if (expired !== undefined) return failed("time-out", expired);
    if (error instanceof StreamFault) return failed("nonsense", error.message);
    return { kind: "failure", failure: failureOf(error, Date.now()) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    hangs?.removeEventListener("abort", hang);
  }
}

function failed(kind: RequestFailure["kind"], fault: string): Exchange {
  return { kind: "failure", failure: { kind, fault, passing: true } };
}
