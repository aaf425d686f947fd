/** A model behind the protocol server: what `startProtocolServer` needs of an engine. */
export interface ServedModel {
  name: string;
  maxModelLen: number; // tokens of prompt and answer together
  version: string;
  /** Prometheus text. */
  metrics(): string;
  /** Each takes the body of its request as it came, and throws a ProtocolError for one that it does not serve. */
  tokenize(body: string): Tokenized;
  detokenize(body: string): string;
  complete(body: string, requestId: string | undefined, signal: AbortSignal): Answering;
  chat(body: string, requestId: string | undefined, signal: AbortSignal): Answering;
}

export interface Tokenized {
  tokens: readonly number[];
  pieces: readonly string[] | null;
}

/** A generation under way. One of the two is asked for, once. Both reject with a ProtocolError, or when `signal` aborts. */
export interface Answering {
  options: GenerationOptions;
  promptTokens: number;
  whole(): Promise<Answer>;
  /** The parts of its texts as they come, choice after choice. The last of each says how it ended. */
  parts(): AsyncGenerator<Part, Answer>;
}

/** Fields of a request that say how the answer is sent. */
export interface GenerationOptions {
  request_id?: string | null | undefined;
  stream?: boolean | null | undefined;
  stream_options?:
    | { include_usage?: boolean | null | undefined; continuous_usage_stats?: boolean | null | undefined }
    | null
    | undefined;
}

export interface Ending {
  finishReason: "stop" | "length";
  /** The stop string or the id of the stop token; null for the model's own end. */
  stopReason: string | number | null;
}

export interface AnsweredChoice extends Ending {
  index: number;
  text: string;
  tokenIds?: readonly number[] | undefined; // where they were asked for
  logprobs?: object | undefined; // in the protocol's own shape
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number | null;
}

export interface Answer extends Usage {
  choices: readonly AnsweredChoice[];
}

export interface Part {
  index: number;
  text: string;
  /** The answer's so far, over all of its choices. */
  usage: Usage;
  tokenIds?: readonly number[] | undefined;
  logprobs?: object | undefined;
  ending?: Ending;
}
