import { failureOf, type RequestFailure } from "./request-failure.ts";
import type { ServerClient } from "./server-client.ts";

/** What became of one HTTP request. A body is whatever the server sent: JSON of any shape, or text. */
export type Exchange =
  | { kind: "reply"; body: unknown; milliseconds: number }
  | { kind: "failure"; failure: RequestFailure }
  | { kind: "aborted" };

export interface ExchangeOptions {
  /** Aborts the request, and with it the server's work. */
  signal: AbortSignal;
  /** From sending the request to the last byte of the reply. */
  timeoutSeconds: number;
  headers?: Record<string, string>;
  now: () => number;
}

const longestTimerMilliseconds = 2 ** 31 - 1;

/**
 * One request to one server, tried once. `target` is a path below the base URL (`/models`), or a whole URL.
 *
 * Each request has an AbortController of its own: listeners on a signal shared by thousands of requests pile up.
 */
export async function exchange(
  server: ServerClient,
  target: string,
  body: object | undefined,
  { signal, timeoutSeconds, headers = {}, now }: ExchangeOptions,
): Promise<Exchange> {
  if (signal.aborted) return { kind: "aborted" };
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort);
  let timedOut = false;
  const expire = () => {
    timedOut = true;
    controller.abort();
  };
  const timer = setTimeout(expire, Math.min(timeoutSeconds * 1000, longestTimerMilliseconds));
  const started = now();
  try {
    const options = { signal: controller.signal, headers };
    const reply = await (body === undefined
      ? server.sdk.get<unknown>(target, options)
      : server.sdk.post<unknown>(target, { ...options, body }));
    return { kind: "reply", body: reply, milliseconds: Math.max(0, now() - started) };
  } catch (error) {
    if (signal.aborted) return { kind: "aborted" };
    if (timedOut) {
      const fault = `no answer within ${timeoutSeconds} s`;
      const failure: RequestFailure = { kind: "time-out", fault, passing: true };
      return { kind: "failure", failure };
    }
    return { kind: "failure", failure: failureOf(error, Date.now()) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
