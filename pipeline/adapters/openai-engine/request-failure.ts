import { APIConnectionError, APIError } from "openai";
import type { Refusal } from "../../stages/ports.ts";
import { oneLine } from "./server-message.ts";

/** Why a request has no reply. */
export interface RequestFailure {
  /** Where it went wrong: the server refused or failed, it wrote nonsense, it was silent, it was not to be had. */
  kind: "status" | "nonsense" | "time-out" | "network";
  /** What happened, for a user, as a part of a sentence about the server: `HTTP 503: overloaded`. */
  fault: string;
  /** Whether the same request may succeed later. */
  passing: boolean;
  /** HTTP status and what the server said with it, of kind `status`. */
  status?: number;
  message?: string;
  /** How long the server asks to wait. */
  retryAfterSeconds?: number;
}

const passingStatuses = new Set([408, 409, 425, 429]);
const lastingServerErrors = new Set([501, 505]); // not implemented, HTTP version not supported

/** Statuses with which a server refuses one request for what is in it, and serves the next. */
const refusingStatuses = new Set([400, 413, 414, 422]);

const overloadStatuses = new Set([429, 503]);

/** Undefined of a failure that is no refusal. Only one for overload may pass. */
export function refusalOf({ passing, status = 0 }: RequestFailure): Refusal | undefined {
  if (passing) return overloadStatuses.has(status) ? "overload" : undefined;
  return refusingStatuses.has(status) ? "request" : "access";
}

/** Classifies what a request threw. What is neither the network's nor the server's fault is a bug and is thrown on. */
export function failureOf(error: unknown, epochMilliseconds: number): RequestFailure {
  if (error instanceof APIError && error.status !== undefined) {
    const message = (error.error as { message: string }).message;
    const retryAfterSeconds = readRetryAfter(error.headers?.get("retry-after"), epochMilliseconds);
    return {
      kind: "status",
      fault: `HTTP ${error.status}${message === "" ? "" : `: ${message}`}`,
      passing: passingStatuses.has(error.status) || (error.status >= 500 && !lastingServerErrors.has(error.status)),
      status: error.status,
      message,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    };
  }
  if (error instanceof SyntaxError) {
    return { kind: "nonsense", fault: `a reply that is not JSON (${oneLine(error.message, 120)})`, passing: true };
  }
  const { code, message } = rootCause(error);
  if (error instanceof APIConnectionError || error instanceof APIError || code !== undefined) {
    const fault = networkFaults[code ?? ""] ?? `the connection failed (${code ?? oneLine(message, 120)})`;
    return { kind: "network", fault, passing: true };
  }
  throw error;
}

const closedEarly = "the connection was closed before the reply was whole";
const networkFaults: Record<string, string | undefined> = {
  ECONNREFUSED: "nothing listens there (connection refused)",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "no connection came about in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time",
  ECONNRESET: closedEarly,
  EPIPE: closedEarly,
  UND_ERR_SOCKET: closedEarly,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: closedEarly,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the reply is larger than any that was asked for",
};

/** fetch hides what happened as the cause of a cause, or in a list where a name has several addresses. */
function rootCause(error: unknown): { code?: string; message: string } {
  let found: { code?: string; message: string } = { message: String(error) };
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    const code = (current as NodeJS.ErrnoException).code;
    found = { message: current.message || found.message };
    if (typeof code === "string") return { ...found, code };
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return found;
}

/** Retry-After is a number of seconds or a date (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after). */
export function readRetryAfter(header: string | null | undefined, epochMilliseconds: number): number | undefined {
  const value = header?.trim() ?? "";
  if (/^\d+(\.\d+)?$/u.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - epochMilliseconds) / 1000);
}
