import type { Engine, EngineLoad, Generation, GenerationRequest, NoGeneration } from "../../stages/ports.ts";
import { backOff, sleepUnlessAborted } from "./back-off.ts";
import { checkContext, connectServers } from "./connect-servers.ts";
import { readContextOverflow } from "./context-overflow.ts";
import type { EnginePorts, OpenEngineConfig } from "./engine-config.ts";
import type { StreamOptions } from "./event-stream.ts";
import { exchange } from "./exchange.ts";
import { readGeneration } from "./generation-reply.ts";
import { type Conversation, conversationOf, generationCall } from "./request-body.ts";
import { type RequestFailure, refusalOf } from "./request-failure.ts";
import { checkApiKey, openServerClients } from "./server-client.ts";
import { readServerLoad } from "./server-load.ts";
import { type PooledServer, ServerPool } from "./server-pool.ts";
import { ServerWatch } from "./server-watch.ts";
import { countPromptTokens, estimatePromptTokens, promptTokensAtMost } from "./token-budget.ts";

/**
 * An engine on model servers that speak the OpenAI protocol: vLLM first of all. See docs/engines.md.
 *
 * Replies are streamed only on demand. One JSON document is whole or invalid, and the server need not write, nor this
 * process read, an event per token; `firstTokenMilliseconds` is not measured then.
 */
export function openEngine(config: OpenEngineConfig, ports: EnginePorts = {}): Engine {
  const { random = Math.random, sleep = sleepUnlessAborted, now = () => performance.now() } = ports;
  const apiKey = checkApiKey(config.apiKey, config.apiKeyEnv);
  const { servers, close } = openServerClients(config.baseUrls, apiKey);
  const pool = new ServerPool(servers, now);
  const { idleTimeoutSeconds } = config;
  const watch =
    idleTimeoutSeconds === undefined ? undefined : new ServerWatch(pool.servers, { idleTimeoutSeconds, now });
  const calls = new Set<AbortController>();
  let maxModelLen = config.maxModelLen;
  let isConnected = false;
  let isClosed = false;
  const waits = (signal: AbortSignal) => ({ signal, now, random, sleep });

  /** Runs a task with a signal that the caller's abort and the engine's close both set off. */
  async function withSignal<Result>(
    callerSignal: AbortSignal | undefined,
    task: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    if (isClosed) throw new Error("The engine is closed.");
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (callerSignal?.aborted) abort();
    callerSignal?.addEventListener("abort", abort);
    calls.add(controller);
    try {
      return await task(controller.signal);
    } finally {
      calls.delete(controller);
      callerSignal?.removeEventListener("abort", abort);
    }
  }

  /** How many tokens to ask for, below 1 when the context has no room. `counted` is the prompt's length if it is known. */
  async function planTokens(request: GenerationRequest, conversation: Conversation, signal: AbortSignal) {
    const wanted = { maxTokens: request.maxTokens, counted: undefined };
    if (maxModelLen === undefined) return wanted;
    const atMost = Math.min(request.promptTokensAtMost ?? Number.POSITIVE_INFINITY, promptTokensAtMost(conversation));
    if (maxModelLen - atMost >= request.maxTokens) return wanted;
    const server = pool.choose(candidateOf(request.requestId));
    const count = await countPromptTokens(config, server, conversation, waits(signal));
    if (count.kind === "context-full") return { maxTokens: 0, counted: undefined };
    if (count.kind === "count") {
      return { maxTokens: Math.min(request.maxTokens, maxModelLen - count.tokens), counted: count.tokens };
    }
    const room = maxModelLen - estimatePromptTokens(conversation);
    // An estimate does not decide that the context is full. The server will say so, with its numbers.
    return room < 1 ? wanted : { maxTokens: Math.min(request.maxTokens, room), counted: undefined };
  }

  /** How many tokens to ask for after a server refused `asked` of them; below 1 when it is of no use. */
  async function planLess(
    { message = "" }: RequestFailure,
    { asked, counted, conversation, server, signal }: Refused,
  ): Promise<number> {
    const said = readContextOverflow(message);
    const limit = said?.contextLength ?? maxModelLen;
    if (said === undefined || limit === undefined) return 0;
    if (said.inputTokens !== undefined && !said.inputIsLowerBound) return Math.min(asked - 1, limit - said.inputTokens);
    if (said.inputTokens !== undefined && said.inputTokens >= limit) return 0;
    const count =
      counted === undefined ? await countPromptTokens(config, server, conversation, waits(signal)) : undefined;
    if (count?.kind === "context-full") return 0;
    if (count?.kind === "count") return Math.min(asked - 1, limit - count.tokens);
    if (said.inputTokens === undefined) return 0;
    const estimate = Math.max(said.inputTokens, estimatePromptTokens(conversation));
    return Math.min(Math.floor(asked / 2), limit - estimate);
  }

  /** How the reply to a request is read, which is to be sent now. */
  function streamOptions({ onText }: GenerationRequest, server: PooledServer): StreamOptions | undefined {
    if (!config.streaming) return undefined;
    const { dialect, transport, idleTimeoutSeconds = config.requestTimeoutSeconds } = config;
    const tell = (piece: string) => {
      watch?.heardOf(server);
      onText?.(piece);
    };
    onText?.(undefined);
    return { dialect, transport, idleTimeoutSeconds, onText: tell };
  }

  async function generateUnless(signal: AbortSignal, request: GenerationRequest): Promise<Generation | NoGeneration> {
    const candidate = candidateOf(request.requestId);
    const conversation = conversationOf(config, request);
    let { maxTokens, counted } = await planTokens(request, conversation, signal);
    let hasAskedForLess = false;
    let failures = 0; // of all servers that were worth asking
    const failedOn = new Set<PooledServer>(); // since the last wait
    for (let attempt = 0; ; attempt += 1) {
      if (signal.aborted) return { kind: "aborted" };
      if (maxTokens < 1) return { kind: "context-full" };
      const server = pool.choose(candidate, failedOn);
      const requestId = `${request.requestId}:${attempt}`;
      const { path, body, headers } = generationCall(config, request, conversation, { maxTokens, requestId });
      const timeoutSeconds = config.requestTimeoutSeconds;
      server.inFlight += 1;
      const stream = streamOptions(request, server);
      const hangs = server.hangs.signal;
      const maxBytes = replyBytesAtMost(request);
      const options = { signal, timeoutSeconds, headers, now, maxBytes, hangs, stream };
      const result = await exchange(server, path, body, options).finally(() => {
        server.inFlight -= 1;
      });
      if (result.kind === "aborted") return { kind: "aborted" };

      let failure: RequestFailure;
      if (result.kind === "reply") {
        const promptTokens = counted ?? estimatePromptTokens(conversation);
        const reply = readGeneration(result.body, config, request, promptTokens);
        if (reply.kind === "text") {
          pool.succeeded(server);
          watch?.heardOf(server);
          const { kind: _, ...written } = reply;
          const { body: __, kind: ___, ...times } = result;
          const endpoint = pool.servers.length > 1 ? { endpoint: server.baseUrl } : {};
          return { kind: "generation", requestId, ...written, ...times, ...endpoint };
        }
        failure = { kind: "nonsense", fault: reply.fault, passing: true };
      } else {
        failure = result.failure;
      }

      if (isAboutContext(failure)) {
        if (hasAskedForLess) return { kind: "context-full" };
        hasAskedForLess = true;
        maxTokens = await planLess(failure, { asked: maxTokens, counted, conversation, server, signal });
        continue;
      }
      const refusal = refusalOf(failure);
      if (failure.kind === "status") watch?.heardOf(server);
      if (refusal !== "request") pool.failed(server);
      failedOn.add(server);
      if (pool.hasWellBeside(failedOn)) continue;

      failures += 1;
      // What lasts is not asked for again, nor what took a long time to fail: whoever asks may know more.
      if (!failure.passing || failure.kind === "time-out" || failures >= config.maxAttempts) {
        const reason = `${server.baseUrl}: ${failure.fault}`;
        return { kind: "engine-failed", reason, attempts: attempt + 1, ...(refusal && { refusal }) };
      }
      failedOn.clear();
      failedOn.add(server);
      await sleep(backOff(failures - 1, random(), failure.retryAfterSeconds), signal);
    }
  }

  /** A cache that holds less than one full context is no vLLM's, which would not have started. */
  async function load(signal: AbortSignal): Promise<EngineLoad | undefined> {
    const loads = await Promise.all(
      pool.servers.map(async (server) => {
        const told = await readServerLoad(server, { signal, now });
        pool.heard(server, told?.requests);
        return told;
      }),
    );
    const cacheTokens = sumOf(loads.map((told) => told?.cacheTokens));
    if (loads.every((told) => told === undefined)) return undefined;
    const isPlausible = cacheTokens !== undefined && cacheTokens >= (maxModelLen ?? 1) * loads.length;
    return isPlausible ? { cacheTokens } : {};
  }

  return {
    async connect() {
      return withSignal(undefined, async (signal) => {
        const description = await connectServers(config, servers, waits(signal), isConnected ? "one" : "all");
        if (isConnected) checkContext(description, maxModelLen);
        else maxModelLen = description.maxModelLen;
        isConnected = true;
        return description;
      });
    },

    async generate(request) {
      return withSignal(request.signal, (signal) => generateUnless(signal, request));
    },

    load: () => withSignal(undefined, load),

    async close() {
      if (isClosed) return;
      isClosed = true;
      watch?.close();
      for (const call of calls) call.abort();
      await close();
    },
  };
}

/** Undefined where one of the servers does not tell. */
function sumOf(counts: readonly (number | undefined)[]): number | undefined {
  return counts.reduce<number | undefined>(
    (sum, count) => (sum === undefined || count === undefined ? undefined : sum + count),
    0,
  );
}

/** A request that was too long. */
interface Refused {
  asked: number; // its max_tokens
  counted: number | undefined; // its prompt's tokens, if they are known
  conversation: Conversation;
  server: PooledServer;
  signal: AbortSignal;
}

/**
 * So that replies of nonsense do not fill the memory. The longest tokens, of blanks, have 128 bytes; a stream has some
 * 300 for each.
 */
function replyBytesAtMost({ maxTokens }: GenerationRequest): number {
  return 1024 * (64 + maxTokens);
}

/** `<problemId>:<replicate>:<candidate>` of a request id; the turn is the part after the last colon. */
function candidateOf(requestId: string): string {
  return requestId.slice(0, Math.max(0, requestId.lastIndexOf(":")));
}

function isAboutContext({ status, message = "" }: RequestFailure): boolean {
  return (status === 400 || status === 413 || status === 422) && readContextOverflow(message) !== undefined;
}
