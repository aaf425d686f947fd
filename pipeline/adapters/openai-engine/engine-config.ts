/** Where the model servers are and how to talk with them: the `engine` part of a run's config, resolved. */
export interface OpenEngineConfig {
  /** One or more, each ending in /v1 as a rule. All of them serve the same model. */
  baseUrls: readonly string[];
  model: string;
  /** Sent as a bearer token. Without one, no Authorization header is sent. */
  apiKey?: string | undefined;
  /** The environment variable a key is looked for in: named in errors only. */
  apiKeyEnv?: string | undefined;
  /** `vllm`: its own request fields too. `openai`: standard fields only, for any other server. */
  dialect: "vllm" | "openai";
  /** `completions` sends the prompt as text, so a continuation is exact; `chat` sends messages. */
  transport: "completions" | "chat";
  /** The profile's messages for `chat`; the user message contains {problem}. */
  chat: { system?: string | undefined; user: string };
  /** Context length in tokens, where the server does not tell. The smaller of the two counts. */
  maxModelLen?: number | undefined;
  /** Reads replies as they are generated, event by event [false]. */
  streaming?: boolean | undefined;
  requestTimeoutSeconds: number;
  /** A stream that pauses for so long has failed; a server without any sign of life for so long hangs [never]. */
  idleTimeoutSeconds?: number | undefined;
  /** Requests that may be sent for one generation before it is given up; at least 1. */
  maxAttempts: number;
  /** What the manifest calls this engine [vllm]. */
  kind?: string | undefined;
}

/** What the engine takes from outside, so that a test need not wait. */
export interface EnginePorts {
  /** A number in [0, 1): the jitter of the waits between attempts. */
  random?: () => number;
  /** Resolves after so many milliseconds, or as soon as the signal aborts. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds on a clock that never goes back. */
  now?: () => number;
}
