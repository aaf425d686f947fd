import OpenAI, { APIError } from "openai";
import { Agent, type Dispatcher, request, fetch as undiciFetch } from "undici";
import { UserError } from "../../core/user-error.ts";
import { fetchWithoutKey, keyHider } from "./hidden-key.ts";
import { messageOf } from "./server-message.ts";

/** Of replies to what is no request for a text. */
const maxReplyBytes = 16 * 1024 * 1024;

/** An open connection pool to one model server. */
export interface ServerClient {
  /** As configured, without a slash at its end. */
  baseUrl: string;
  /** Where /tokenize and /version are: the base URL without its /v1. */
  rootUrl: string;
  sdk: OpenAI;
  /** Connections on which a reply of more than so many bytes is broken off. */
  agentFor(maxBytes?: number): Agent;
  /** Takes the API key out of a text that the server sent. */
  hideKey(text: string): string;
  /** POSTs a body for a reply that is read as it comes. A status that is none of success is thrown as an APIError. */
  stream(target: string, sent: StreamRequest): Promise<Dispatcher.ResponseData>;
}

export interface StreamRequest {
  body: object;
  maxBytes: number | undefined;
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** Keeps what a server says in other shapes than `{error: {message}}`: `detail`, a bare message, a page of HTML. */
class EngineClient extends OpenAI {
  protected override makeStatusError(status: number, body: unknown, text: string | undefined, headers: Headers) {
    return statusError(status, body ?? text, headers);
  }
}

function statusError(status: number, body: unknown, headers: Headers): APIError {
  return new APIError(status, { message: messageOf(body) }, undefined, headers);
}

/**
 * The connections of all servers, and one client for each.
 *
 * fetch and Agent come from the same undici. Node's own fetch gives up after 300 s without headers, and a server
 * sends none before a whole generation is done (https://github.com/openai/openai-node/issues/2153); here only the
 * request's own time-out counts.
 */
export function openServerClients(
  baseUrls: readonly string[],
  apiKey: string | undefined,
): { servers: ServerClient[]; close: () => Promise<void> } {
  const agents = new Map<number, Agent>();
  const options = {
    headersTimeout: 0,
    bodyTimeout: 0,
    // Shorter than the 5 s after which uvicorn closes an idle connection: a request on a connection that the server
    // is just closing fails for no reason. The server's own hint does not lengthen it.
    keepAliveTimeout: 1000,
    keepAliveMaxTimeout: 1000,
    // One connection per request in flight: closing it is how vLLM learns that nobody waits any more.
    allowH2: false,
    pipelining: 1,
  };
  const agentFor = (maxResponseSize = maxReplyBytes) => {
    const agent = agents.get(maxResponseSize) ?? new Agent({ ...options, maxResponseSize });
    agents.set(maxResponseSize, agent);
    return agent;
  };
  const hideKey = keyHider(apiKey);
  const fetcher = undiciFetch as unknown as typeof fetch; // the same function; its types name undici's own Response
  const servers = baseUrls.map((configured) => {
    checkBaseUrl(configured);
    const baseUrl = configured.replace(/\/+$/u, "");
    const sdk = new EngineClient({
      baseURL: baseUrl,
      apiKey: apiKey ?? "none", // the SDK insists on one
      adminAPIKey: null, // these three would be taken from OPENAI_… variables meant for another server
      organization: null,
      project: null,
      maxRetries: 0, // it would run a generation that timed out again, up to three times, unseen
      timeout: 2 ** 31 - 1,
      logLevel: "off",
      fetch: apiKey === undefined ? fetcher : fetchWithoutKey(fetcher, hideKey),
      fetchOptions: { dispatcher: agentFor() } as object,
      defaultHeaders: {
        "Accept-Encoding": "identity", // so that the limit above is one of what is read
        "X-Stainless-Timeout": null,
        ...(apiKey === undefined ? { Authorization: null } : {}),
      },
    });
    const stream = async (target: string, { body, headers, signal, maxBytes }: StreamRequest) => {
      const response = await request(`${baseUrl}${target}`, {
        method: "POST",
        dispatcher: agentFor(maxBytes),
        headers: {
          "Content-Type": "application/json",
          Accept: "text/event-stream",
          ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
          ...headers,
        },
        body: JSON.stringify(body),
        signal,
      });
      if (response.statusCode < 300) return response;
      const text = hideKey(await response.body.text());
      throw statusError(response.statusCode, parsed(text), new Headers(response.headers as Record<string, string>));
    };
    return { baseUrl, rootUrl: baseUrl.replace(/\/v\d+$/u, ""), sdk, agentFor, hideKey, stream };
  });
  const close = async () => {
    await Promise.all(agents.values().map((agent) => agent.destroy()));
  };
  return { servers, close };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function checkBaseUrl(baseUrl: string): void {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UserError(`${JSON.stringify(baseUrl)} is not the URL of a model server.`, {
      hint: "Write engine.baseUrl like http://127.0.0.1:8000/v1.",
    });
  }
  if (url.username === "" && url.password === "" && url.search === "") return;
  throw new UserError(`The URL of the model server at ${url.host} has a user name, a password or a query in it.`, {
    hint: "Manifests and logs show the URL. Put a key in an environment variable and name that in engine.apiKeyEnv.",
  });
}

/** A key as it can be sent, without the line break that files end in. Throws a UserError where it cannot be one. */
export function checkApiKey(apiKey: string | undefined, variable = "VLLM_API_KEY"): string | undefined {
  const key = apiKey?.trim();
  if (key === undefined || key === "") return undefined;
  if (/^[\x21-\x7e]+$/u.test(key)) return key;
  throw new UserError(`The API key in ${variable} has blanks or characters that no key has.`, {
    hint: `Set ${variable} to the key alone, or unset it if the server needs none.`,
  });
}
