import type { CandidateOutcome } from "../artifacts/candidate.ts";
import type { ExecutionOutcome } from "../artifacts/execution.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { Turn } from "../artifacts/turn.ts";
import { extractBoxedAnswer } from "./boxed-answer.ts";
import { countOutputBlocks, endsInPythonBlock, pythonBlocks } from "./code-block.ts";
import { normalizeNotebookAnswer } from "./notebook-answer.ts";
import { ownCopy } from "./own-copy.ts";
import { lastCodePoints, strip, stripEnd } from "./python-text.ts";
import { lastLine } from "./traceback.ts";

/** How candidates of a run reason: the profile as the strategy bends it, and what the config says. */
export interface ReasoningRules {
  profile: Profile;
  depth: number; // turns at most
  state: "stateless" | "session";
}

/** A block that was run, and what was written back of it. */
export interface ExecutedBlock {
  code: string;
  output: string;
}

/** A candidate's history, as far as the next turn depends on it. `ended` once there is no next turn. */
export interface Trace {
  prompt: string;
  text: string; // after the prompt: what the engine is asked to continue
  turns: number;
  writtenBack: string; // what stands behind the last message, of its output
  executedBlocks: readonly ExecutedBlock[]; // since the last restart, where a session has to know them
  hadCode: boolean;
  rawAnswer?: string;
  ended?: {
    outcome: Extract<CandidateOutcome, "answered" | "no-answer" | "no-code" | "hallucinated-output">;
    pruned: boolean;
  };
}

/** A model message: what the engine wrote in one turn, and why it ended. */
export type Message = Pick<Turn, "text" | "finish">;

/** What follows from a message. */
export type Decision =
  | { kind: "execute"; code: string; earlier: readonly ExecutedBlock[] }
  | { kind: "answer"; rawAnswer: string | null } // null: something stands in the answer's place, but it is none
  | { kind: "restart" }
  | { kind: "end"; outcome: "no-code" | "no-answer" | "hallucinated-output" }
  | { kind: "go-on" };

export function startTrace(profile: Profile, statement: string): Trace {
  const prompt = profile.prompt.replace("{problem}", () => statement);
  return { prompt, text: "", turns: 0, writtenBack: "", executedBlocks: [], hadCode: false };
}

/** Why a turn ended, in the journal's words: `code` asks for execution. */
export function finishOf(
  profile: Profile,
  trace: Trace,
  generation: { text: string; finish: "stop" | "length"; stopString?: string },
): Turn["finish"] {
  if (profile.executeOn !== undefined) {
    if (generation.stopString === profile.executeOn) return "code";
    if (profile.keepStop && generation.text.endsWith(profile.executeOn)) return "code";
  }
  if (generation.finish === "length") return "length";
  const asksByClosing = profile.executeClosedBlock && endsInPythonBlock(trace.text + generation.text);
  return asksByClosing ? "code" : "stop";
}

/**
 * What to do about a message. The order of the questions is that of the winning notebook's `process_code`; where a
 * profile has the notebook's switches, each answer is the notebook's too, and conformance cases pin them.
 */
export function decide({ profile, depth, state }: ReasoningRules, trace: Trace, message: Message): Decision {
  const text = trace.text + message.text;
  const searched = profile.answer.searchesPrompt ? trace.prompt + text : text;
  const blocks = pythonBlocks(searched);
  const isLastTurn = trace.turns + 1 >= depth;
  const asksForExecution = message.finish === "code";
  const code = blocks.at(-1);

  if (profile.answer.from === "output") {
    return code === undefined ? { kind: "end", outcome: "no-code" } : { kind: "execute", code, earlier: [] };
  }
  if (code === undefined && profile.withoutCode !== "go-on") {
    return profile.withoutCode === "restart" ? { kind: "restart" } : { kind: "end", outcome: "no-code" };
  }
  if (!asksForExecution && mentionsAnswer(profile, searched)) {
    if (profile.answer.needsOutput && countOutputBlocks(searched) === 0) {
      return { kind: "end", outcome: "hallucinated-output" };
    }
    const rawAnswer = answerIn(profile, searched);
    if (rawAnswer !== null || profile.afterAnswer === "continue") return { kind: "answer", rawAnswer };
  }
  if (isLastTurn) return { kind: "go-on" };
  if (asksForExecution && code !== undefined) {
    return { kind: "execute", code, earlier: state === "session" ? trace.executedBlocks : [] };
  }
  if (message.finish === "length" && profile.afterLength === "go-on") return { kind: "go-on" };
  return profile.withoutAnswer === "restart" ? { kind: "restart" } : { kind: "end", outcome: "no-answer" };
}

/**
 * The trace after a turn. A pure fold: a trace is rebuilt from the journal's rows by the same steps that made it. Where
 * a row has the decision on record, it need not be made again: all that is long in a trace is then left unread.
 */
export function advance(
  rules: ReasoningRules,
  trace: Trace,
  message: Message,
  execution?: { outcome: ExecutionOutcome; output: string },
  decision = decide(rules, trace, message),
): Trace {
  const { profile, depth } = rules;
  const text = trace.text + message.text;
  const next: Trace = {
    ...trace,
    text,
    turns: trace.turns + 1,
    hadCode: trace.hadCode || decision.kind === "execute" || pythonBlocks(text).length > 0,
    writtenBack: "",
  };
  switch (decision.kind) {
    case "execute":
      if (profile.answer.from === "output") return endWithOutput(next, execution);
      Object.assign(next, withOutput(profile, text, message, execution?.output ?? ""));
      if (rules.state === "session") {
        const block = { code: ownCopy(decision.code), output: execution?.output ?? "" };
        next.executedBlocks = [...trace.executedBlocks, block];
      }
      break;
    case "answer":
      delete next.rawAnswer;
      if (decision.rawAnswer !== null) next.rawAnswer = decision.rawAnswer;
      if (profile.afterAnswer === "stop") return { ...next, ended: { outcome: "answered", pruned: false } };
      break;
    case "restart":
      next.text = "";
      next.executedBlocks = [];
      break;
    case "end":
      return { ...next, ended: { outcome: withAnswer(next, decision.outcome), pruned: true } };
    case "go-on":
      break;
  }
  if (next.turns < depth) return next;
  const lacksCode = !next.hadCode && profile.withoutCode !== "go-on";
  return { ...next, ended: { outcome: withAnswer(next, lacksCode ? "no-code" : "no-answer"), pruned: false } };
}

/** A candidate that is cut off keeps the answer that it gave in an earlier turn. */
function withAnswer<Outcome>(trace: Trace, outcome: Outcome): Outcome | "answered" {
  return trace.rawAnswer === undefined ? outcome : "answered";
}

/** `single-step`: the last line that the block printed is the answer. */
function endWithOutput(trace: Trace, execution?: { outcome: ExecutionOutcome; output: string }): Trace {
  const printed = execution?.outcome === "ok" ? lastLine(execution.output) : "";
  if (printed === "") return { ...trace, ended: { outcome: "no-answer", pruned: false } };
  return { ...trace, rawAnswer: printed, ended: { outcome: "answered", pruned: false } };
}

/** The text, which ends with a message, with an output behind it, ready to be continued. */
function withOutput(
  { keepStop, executeOn = "", trimBeforeOutput, writeBack }: Profile,
  text: string,
  message: Message,
  output: string,
): Pick<Trace, "text" | "writtenBack"> {
  const back = writeBack.replace("{output}", () => output);
  if (!keepStop) return { text: (trimBeforeOutput ? stripEnd(text) : text) + back, writtenBack: back };
  // The output fence belongs to the text where it is kept; a message that ended right before it lacks it.
  const hasFence = message.text.endsWith(executeOn) || text.endsWith(executeOn);
  const writtenBack = hasFence ? back : `\n${executeOn}${back}`;
  return { text: (hasFence ? text : stripEnd(text)) + writtenBack, writtenBack };
}

function region(profile: Profile, text: string): string {
  const { withinCharacters } = profile.answer;
  return withinCharacters === undefined ? text : lastCodePoints(text, withinCharacters);
}

function mentionsAnswer(profile: Profile, text: string): boolean {
  const end = region(profile, text);
  return end.includes("\\boxed") || (profile.answer.from === "boxed-or-phrase" && end.includes("answer is"));
}

function answerIn(profile: Profile, text: string): string | null {
  const end = region(profile, text);
  const found = end.includes("boxed") ? extractBoxedAnswer(end) : end;
  if (found === null) return null;
  return profile.answer.normalize === "notebook" ? normalizeNotebookAnswer(found) : strip(found);
}
