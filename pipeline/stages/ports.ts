import type { ArtifactFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import type { ExecutionOutcome } from "../artifacts/execution.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import type { Compute, Isolation, Manifest } from "../artifacts/manifest.ts";
import type { Problem } from "../artifacts/problem.ts";
import type { ProblemSource } from "../artifacts/run-config.ts";
import type { Summary } from "../artifacts/summary.ts";
import type { TokenLogProbabilities, Turn } from "../artifacts/turn.ts";

/** A continuation that is wanted of the model. */
export interface GenerationRequest {
  /** `<problemId>:<replicate>:<candidate>:<turn>`; the engine adds `:<attempt>`. */
  requestId: string;
  /** The statement, for transports that send messages. */
  statement: string;
  /** The prompt, and what stands after it so far. The continuation is wanted of both together. */
  prompt: string;
  text: string;
  /** An upper bound of the tokens in prompt and text, if one is known from an earlier turn. */
  promptTokensAtMost?: number;
  maxTokens: number;
  temperature: number;
  topP: number;
  seed: number;
  stop: readonly string[];
  keepStop: boolean;
  /** Ask for the probabilities of the tokens written. */
  logprobs?: boolean;
  signal?: AbortSignal;
  /** Is told the text piece by piece where the engine streams; undefined when it begins, and when it begins anew. */
  onText?: (piece: string | undefined) => void;
}

/** What the model wrote. `stopString` is the stop string that ended it; without one, `stop` is its own end. */
export interface Generation {
  kind: "generation";
  requestId: string; // with the attempt that succeeded
  text: string;
  finish: "stop" | "length";
  stopString?: string;
  tokens: { prompt: number; completion: number; cached?: number };
  logprobs?: TokenLogProbabilities;
  milliseconds: number;
  firstTokenMilliseconds?: number;
  endpoint?: string;
}

/** A request that has no continuation, as data: the context is full, the engine failed for good, it was aborted. */
export type NoGeneration =
  | { kind: "context-full" }
  | { kind: "engine-failed"; reason: string; attempts: number; refusal?: Refusal }
  | { kind: "aborted" };

/**
 * Why a server turns a request away: for what is in it; for want of access, as anybody's without the right key, model or
 * path; for the moment, as it has too much to do.
 */
export type Refusal = "request" | "access" | "overload";

export interface EngineDescription {
  kind: string;
  baseUrl?: string;
  model: string;
  serverVersion?: string;
  maxModelLen?: number;
  /** Of an embedded model. */
  file?: { path: string; sha256: string; quantization: string };
  compute?: Compute;
}

/** What an engine tells of itself, over all its servers. */
export interface EngineLoad {
  /** Tokens that its KV cache holds. */
  cacheTokens?: number;
}

/** A model server. Faults are retried within `generate`; it throws only for a bug. */
export interface Engine {
  /**
   * Looks for the server and its model. Throws a UserError (exit code 3 or 2) that says what is wrong. Of several servers all
   * are needed the first time, and one when it is looked for again.
   */
  connect(): Promise<EngineDescription>;
  generate(request: GenerationRequest): Promise<Generation | NoGeneration>;
  /** How many tokens a prompt has, where that costs next to nothing to tell. */
  promptTokens?(prompt: string): Promise<number>;
  /** Undefined where the engine does not tell. Never throws. */
  load?(): Promise<EngineLoad | undefined>;
  close(): Promise<void>;
}

/** A program to run. */
export interface PythonRequest {
  code: string;
  /** Blocks of the same trace that have run before it, silently, in the same interpreter; their exceptions are ignored. */
  earlier: readonly string[];
  /**
   * The key of a session: an interpreter that lives on between blocks. One that lives and has run just the earlier
   * blocks goes on; else it is rebuilt from them. Without a key they are run each time.
   */
  session?: string;
  /** Show the value of an expression at the program's end, unless it is None. */
  showLastExpression: boolean;
  /** Of the random numbers that a program draws without a seed of its own; each program of a trace has its own. */
  seed?: number;
  timeoutSeconds: number; // from the moment the program's own code starts
  memoryMiB: number;
  signal?: AbortSignal;
}

/** What a program did. `stderr` is what a fresh interpreter would have written for a script at `scriptPath`. */
export interface PythonExecution {
  outcome: ExecutionOutcome;
  stdout: string; // of the first outputBytesAtMost bytes, decoded as UTF-8
  stderr: string;
  outputBytes: number; // all that was written to stdout
  milliseconds: number;
  cpuMilliseconds: number;
  peakMemoryMiB: number;
  /** What the earlier blocks did this time, where a session was rebuilt from them. */
  reruns?: readonly Pick<PythonExecution, "outcome" | "stdout" | "stderr">[];
}

export interface SandboxDescription {
  python: string;
  packages: Record<string, string>;
  isolation: Isolation;
}

/** Runs model-written Python. What the program does is data; it throws a UserError (exit code 3) where no program can run. */
export interface PythonSandbox {
  /** Starts it. The notes are what a user should know, such as a library that is missing. */
  describe(): Promise<SandboxDescription & { notes: readonly string[] }>;
  execute(request: PythonRequest): Promise<PythonExecution>;
  /** No more blocks of this session will come. */
  endSession(key: string): void;
  close(): Promise<void>;
}

/** The artifacts of a run. Rows are validated when read and when written; a bad one is a UserError with file and line. */
export interface RunStore {
  readonly directory: string;
  has(file: ArtifactFile<unknown>): Promise<boolean>;
  /** The rows in file order, streamed. A missing file is a UserError that names the stage which writes it. */
  rows<Row>(file: ArtifactFile<Row>): AsyncIterable<Row>;
  /** Numbers of the lines that hold such rows, where rows stand on lines. For an error, as all of the file is read. */
  linesOf?<Row>(file: ArtifactFile<Row>, isMeant: (row: Row) => boolean): Promise<number[]>;
  /** Writes a derived file whole, to a temporary name that is synced and renamed. Returns the number of rows. */
  replace<Row>(file: ArtifactFile<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Promise<number>;
  readManifest(): Promise<Manifest | undefined>;
  writeManifest(manifest: Manifest): Promise<void>;
  writeSummary(summary: Summary): Promise<void>;
}

/** The append-only record of finished turns. */
export interface Journal {
  append(row: Turn): Promise<void>;
  /** Aborts, with the error, once rows can no longer be kept: the run has to end. */
  failed?: AbortSignal | undefined;
  close(): Promise<void>;
}

/** Why a row of the journal does not follow from the rows before it. */
export interface RowRefusal {
  reason: string;
  repeated: boolean; // its turn stands there already
}

/** Reads the problems of a source: a card's file or one of the user's own. Faults are UserErrors with file and line. */
export interface ProblemReader {
  read(source: ProblemSource): Promise<{
    problems: Problem[]; // in file order
    dataset: Manifest["datasets"][number];
    notes: string[]; // what a user should know: an unknown checksum, an unexpected count
  }>;
}

/** Time, so that tests and simulations can have their own. */
export interface Clock {
  /** Milliseconds since some fixed moment. It never goes back, whatever is done to the system's clock. */
  now(): number;
  /** Calls back after so many milliseconds, unless it is cancelled by the returned function. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** What happens during generation, for progress and for watching a trace grow. */
export type GenerateEvent =
  | { kind: "started"; problems: number; candidates: number; finished: number }
  | { kind: "candidate-started"; key: CandidateKey }
  | { kind: "turn"; row: Turn }
  | { kind: "candidate-finished"; candidate: Candidate }
  | { kind: "engine-away"; reason: string }
  | { kind: "engine-back" }
  | { kind: "problem-finished"; problemId: string; replicate: number; answer: string | null; correct: boolean };

export type Observe = (event: GenerateEvent) => void;
