import { candidateKey } from "../../artifacts/identifier.ts";
import { badRequest, ProtocolError } from "../vllm-server/protocol-error.ts";
import type { JournalTrace, RecordedTurn } from "./journal.ts";
import type { RecordedProblem, RecordedTrace, Recordings, WholeTrace } from "./recordings.ts";
import { parseRequestId, type RequestKey } from "./request-id.ts";
import { type Occurrence, StatementIndex } from "./statement-index.ts";
import { continuationOffset, type Divergence } from "./trace-position.ts";

/** What is asked to be continued, and by whom. */
export interface ReplayRequest {
  /** Holds the statement. A completion's holds the text so far as well. */
  prompt: string;
  /** The text so far where the protocol tells it apart: a chat's last message. */
  text?: string;
  requestId?: string | undefined;
  seed?: number | undefined;
  /** Which of a request's `n` children; the next child replays the next trace. */
  child: number;
}

/** How a recording goes on. */
export type Continuation =
  | { kind: "rest"; text: string; finish: "stop" | "length" } // of a whole trace: stop strings and limits cut it
  | { kind: "turn"; turn: RecordedTurn; earlier: readonly RecordedTurn[] } // of a journal: what was answered then
  | { kind: "context-full" }; // of a journal: this request did not fit

/** The prompt template that is known to be in use: what stands before the statement and behind it. */
interface PromptShape {
  head: string;
  tail: string;
}

const shapesAtMost = 64; // templates a server remembers; runs use one
const beginningLength = 24; // characters of a trace by which it is recognised in a prompt of unknown template
const shortestBeginning = 4;

/** Answers from recordings: finds problem, trace and position, and what comes next there. */
export class Replay {
  readonly #index: StatementIndex;
  readonly #problems: number;
  readonly #journals = new Map<RecordedProblem, JournalIndex>();
  #known: PromptShape[]; // given, or seen in a request that can hold nothing but the prompt
  #supposed: PromptShape[] = [];

  /** `templates` are prompts with `{problem}` in place of the statement; others are learned from the requests. */
  constructor({ problems }: Recordings, templates: readonly string[] = []) {
    this.#index = new StatementIndex(problems);
    this.#problems = problems.length;
    this.#known = templates.map((template) => {
      const [head = "", ...tail] = template.split("{problem}");
      return { head, tail: tail.join("{problem}") };
    });
  }

  /** Throws a ProtocolError where nothing is recorded, or the text so far is not the recorded one. */
  continuationOf(request: ReplayRequest): Continuation {
    const key = request.requestId === undefined ? undefined : parseRequestId(request.requestId);
    if (request.text === undefined) return this.#continuePrompt(request, key);
    const [occurrence] = this.#index.find(request.prompt);
    if (!occurrence) throw this.#nothingRecorded(request.prompt);
    const position = this.#goOn(occurrence.problem, request.text, request, key);
    if ("divergence" in position) throw diverged(position);
    return position.continuation;
  }

  /**
   * A completion's prompt is statement and text so far within a template that nobody names. The template is what
   * surrounds the statement when a candidate's first turn is asked for; until one was seen, the text so far begins
   * where the recorded trace's beginning stands.
   */
  #continuePrompt(request: ReplayRequest, key: RequestKey | undefined): Continuation {
    const { prompt } = request;
    let failed: Diverged | undefined;
    const tryText = (problem: RecordedProblem, text: string): Continuation | undefined => {
      const position = this.#goOn(problem, text, request, key);
      if (!("divergence" in position)) return position.continuation;
      failed ??= position;
      return undefined;
    };

    for (const { problem, textStart } of this.#inShapes(prompt, this.#known)) {
      const continuation = tryText(problem, prompt.slice(textStart));
      if (continuation) return continuation;
    }
    const occurrences = this.#index.find(prompt);
    const [longest] = occurrences;
    if (!longest) throw this.#nothingRecorded(prompt);
    const inKnownShape = failed;

    for (const { problem, end } of occurrences) {
      const after = prompt.slice(end);
      const trace = chooseTrace(problem, request, key);
      if (trace.kind === "journal") return this.#goOnJournal(problem, trace, request, key);
      for (const start of textStarts(after, trace.text, key?.turn === 0 ? beginningLength : shortestBeginning)) {
        const continuation = tryText(problem, after.slice(start));
        if (continuation) return continuation;
      }
    }
    for (const { problem, textStart } of this.#inShapes(prompt, this.#supposed)) {
      const continuation = tryText(problem, prompt.slice(textStart));
      if (continuation) return continuation;
    }

    // Nothing of the trace is in the prompt: this is the template alone, or a text that left the recording.
    const after = prompt.slice(longest.end);
    const isTemplate = key?.turn === 0 ? !(inKnownShape && after.includes("```")) : !failed && !after.includes("```");
    if (!isTemplate) throw diverged(failed ?? this.#divergence(longest, after, request, key));
    this.#learn({ head: prompt.slice(0, longest.start), tail: after }, key?.turn === 0);
    const start = this.#goOn(longest.problem, "", request, key);
    if ("divergence" in start) throw diverged(start);
    return start.continuation;
  }

  /** Where the text so far begins if the prompt is built by one of these templates. */
  *#inShapes(prompt: string, shapes: readonly PromptShape[]) {
    for (const { head, tail } of shapes) {
      if (!prompt.startsWith(head)) continue;
      for (const { problem, end } of this.#index.at(prompt, head.length)) {
        if (prompt.startsWith(tail, end)) yield { problem, textStart: end + tail.length };
      }
    }
  }

  #learn(shape: PromptShape, sure: boolean): void {
    // The longest first: a template may begin with all of another.
    const add = (shapes: readonly PromptShape[]) =>
      [shape, ...shapes.slice(0, shapesAtMost - 1)].sort(
        (a, b) => b.head.length + b.tail.length - a.head.length - a.tail.length,
      );
    if (sure) this.#known = add(this.#known);
    else this.#supposed = add(this.#supposed);
  }

  #goOn(
    problem: RecordedProblem,
    text: string,
    request: ReplayRequest,
    key: RequestKey | undefined,
  ): { continuation: Continuation } | Diverged {
    const trace = chooseTrace(problem, request, key);
    if (trace.kind === "journal") return { continuation: this.#goOnJournal(problem, trace, request, key) };
    const offset = continuationOffset(trace.text, text);
    if (typeof offset !== "number") return { divergence: offset, problem, trace };
    return { continuation: { kind: "rest", text: trace.text.slice(offset), finish: trace.finish } };
  }

  #divergence({ problem }: Occurrence, text: string, request: ReplayRequest, key: RequestKey | undefined): Diverged {
    const position = this.#goOn(problem, text, request, key);
    if ("divergence" in position) return position;
    throw new Error("a text that no beginning of the trace was found in continues it");
  }

  /** A journal answers by the turn's number, or by its seed where the request does not say its turn. */
  #goOnJournal(
    problem: RecordedProblem,
    trace: JournalTrace,
    { seed, child, requestId }: ReplayRequest,
    key: RequestKey | undefined,
  ): Continuation {
    const turn = key ? trace.turns.get(key.turn) : this.#journalOf(problem).bySeed.get((seed ?? Number.NaN) + child);
    if (turn) return { kind: "turn", turn, earlier: key ? turnsBefore(trace, key.turn) : [] };
    if (key && trace.endsWithContextFull) return { kind: "context-full" };
    const name = candidateKey(trace);
    throw nothingRecordedError(
      key
        ? `The journal has no turn ${key.turn} of candidate ${name}: ${trace.turns.size} of its turns are recorded.`
        : `A journal is replayed turn by turn: request_id must be <problemId>:<replicate>:<candidate>:<turn>:<attempt>, ` +
            `or seed the seed of a recorded turn (request_id ${requestId ?? "is missing"}).`,
    );
  }

  #journalOf(problem: RecordedProblem): JournalIndex {
    const known = this.#journals.get(problem);
    if (known) return known;
    const index: JournalIndex = { bySeed: new Map() };
    for (const trace of problem.traces) {
      if (trace.kind === "journal") for (const turn of trace.turns.values()) index.bySeed.set(turn.seed, turn);
    }
    this.#journals.set(problem, index);
    return index;
  }

  #nothingRecorded(prompt: string): ProtocolError {
    return nothingRecordedError(
      `Nothing is recorded for the problem in this prompt: ${JSON.stringify(prompt.slice(0, 80))}. ` +
        `${this.#problems} problems are recorded.`,
    );
  }
}

interface JournalIndex {
  bySeed: Map<number, RecordedTurn>;
}

interface Diverged {
  divergence: Divergence;
  problem: RecordedProblem;
  trace: WholeTrace;
}

/**
 * The trace that a request replays. Candidate c takes trace c modulo their number; later replicates are shifted, so
 * that they are not all copies of the first. Without a usable request_id the seed takes the candidate's place.
 */
function chooseTrace(
  { traces }: RecordedProblem,
  { seed, child }: ReplayRequest,
  key: RequestKey | undefined,
): RecordedTrace {
  if (!key) return nth(traces, (seed ?? 0) + child);
  const { problemId, replicate } = key;
  const candidate = key.candidate + child;
  const own = traces.filter((trace) => trace.kind === "journal" && trace.problemId === problemId);
  if (own.length === 0) return nth(traces, replicate > 0 ? replicate * 1009 + candidate : candidate);
  return ofJournal(own as JournalTrace[], { replicate, candidate });
}

/** A journal's candidates stand for themselves: one that had no turn when the run ended is not another one's copy. */
function ofJournal(traces: readonly JournalTrace[], wanted: { replicate: number; candidate: number }): JournalTrace {
  const wrap = (field: "replicate" | "candidate") =>
    wanted[field] % (Math.max(...traces.map((trace) => trace[field])) + 1);
  const [replicate, candidate] = [wrap("replicate"), wrap("candidate")];
  const found = traces.find((trace) => trace.replicate === replicate && trace.candidate === candidate);
  if (found) return found;
  throw nothingRecordedError(`The journal has no turn of candidate ${candidate}, replicate ${replicate}.`);
}

function turnsBefore({ turns }: JournalTrace, turn: number): RecordedTurn[] {
  return [...turns].filter(([number]) => number < turn).map(([, recorded]) => recorded);
}

function nth(traces: readonly RecordedTrace[], number: number): RecordedTrace {
  const index = ((number % traces.length) + traces.length) % traces.length; // seeds may be negative
  const trace = traces[index];
  if (!trace) throw new Error("a recorded problem without traces");
  return trace;
}

/**
 * Offsets behind a statement at which the text so far may begin, best first: where the trace's beginning stands, or
 * where the prompt ends with a shorter part of it, at least so many characters long.
 */
function* textStarts(after: string, trace: string, shortest: number): Generator<number> {
  const words = trace.trimStart();
  const blanks = trace.length - words.length;
  const withBlanks = (start: number) =>
    blanks > 0 && after.slice(0, start).endsWith(trace.slice(0, blanks)) ? start - blanks : start;
  const beginning = words.slice(0, beginningLength);
  if (beginning === "") return;
  for (let start = after.indexOf(beginning); start >= 0; start = after.indexOf(beginning, start + 1)) {
    yield withBlanks(start);
  }
  for (let length = Math.min(beginning.length - 1, after.length); length >= shortest; length--) {
    if (after.endsWith(beginning.slice(0, length))) yield withBlanks(after.length - length);
  }
}

function diverged({ divergence, problem, trace }: Diverged): ProtocolError {
  const { outputBlocks, character, recorded, given } = divergence;
  return badRequest(
    `The text so far is not that of the recorded trace (sample ${trace.sample} of ` +
      `${JSON.stringify(problem.statement.slice(0, 60))}). They part ${character} characters after ` +
      `${outputBlocks === 0 ? "the beginning" : `output block ${outputBlocks}`}: ` +
      `recorded ${JSON.stringify(recorded)}, given ${JSON.stringify(given)}.`,
    "prompt",
  );
}

function nothingRecordedError(message: string): ProtocolError {
  return new ProtocolError(422, "NoRecordingError", message, "prompt");
}
