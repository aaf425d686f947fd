import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import type { Candidate, CandidateOutcome } from "../artifacts/candidate.ts";
import type { ExecutionOutcome } from "../artifacts/execution.ts";
import { type CandidateKey, candidateKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { ballotOf } from "../core/answer-policy.ts";
import { ownCopy } from "../core/own-copy.ts";
import { advance, type Decision, type ReasoningRules, type Trace } from "../core/trace.ts";
import type { RowRefusal } from "./ports.ts";

/** How far a candidate has come. A finished one holds no text any more: there may be hundreds of thousands. */
export interface CandidateProgress {
  key: CandidateKey;
  trace: Trace;
  tokens: { prompt: number; completion: number };
  milliseconds: number;
  /** The sum of its tokens' log probabilities, and of how many; where they were asked for. */
  logprobs?: { sum: number; tokens: number };
  /** How the last of its programs ended, if it ran any. */
  lastExecution?: ExecutionOutcome;
  /** An upper bound of the tokens in prompt and text, known once a turn has been counted by the engine. */
  tokensAtMost?: number;
}

export function startProgress(key: CandidateKey, trace: Trace): CandidateProgress {
  return { key, trace, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 };
}

/** What keeps a row of the journal from being the next turn of a candidate that has so many. */
export function refusalOf(row: Turn, turns: number, hasEnded: boolean): RowRefusal | undefined {
  if (row.turn === turns && !hasEnded) return undefined;
  const which = `${candidateKey(row)}, turn ${row.turn}`;
  if (row.turn < turns) return { reason: `${which} stands there already`, repeated: true };
  if (hasEnded) return { reason: `${which} comes after the candidate's end`, repeated: false };
  return { reason: `${which} comes before turn ${turns}`, repeated: false };
}

/**
 * The progress after its next turn, live or read back from the journal: the same fold, so that a resumed candidate goes
 * on exactly as it would have gone on undisturbed.
 */
export function withTurn(rules: ReasoningRules, progress: CandidateProgress, row: Turn): CandidateProgress {
  const trace = advance(rules, progress.trace, row, row.execution, recordedDecision(row));
  const lastExecution = row.execution?.outcome ?? progress.lastExecution;
  const logprobs = row.logprobs ? plus(progress.logprobs, row.logprobs) : progress.logprobs;
  return {
    key: progress.key,
    trace: trace.ended ? { ...trace, prompt: "", text: "", writtenBack: "", executedBlocks: [] } : trace,
    tokens: {
      prompt: progress.tokens.prompt + row.tokens.prompt,
      completion: progress.tokens.completion + row.tokens.completion,
    },
    milliseconds: progress.milliseconds + row.milliseconds + (row.execution?.milliseconds ?? 0),
    ...(lastExecution === undefined ? {} : { lastExecution }),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(trace.ended || trace.text === "" ? {} : { tokensAtMost: tokensAtMost(row, trace.writtenBack) }),
  };
}

function plus(before = { sum: 0, tokens: 0 }, { mean, tokens }: NonNullable<Turn["logprobs"]>) {
  return { sum: before.sum + mean * tokens, tokens: before.tokens + tokens };
}

/** A row has code exactly where that was to be run. */
function recordedDecision({ code }: Turn): Decision | undefined {
  return code === undefined ? undefined : { kind: "execute", code, earlier: [] };
}

/** A byte is a token at most; what the engine has counted, up to the end of its message, is exact. */
function tokensAtMost({ tokens }: Turn, writtenBack: string): number {
  return tokens.prompt + tokens.completion + Buffer.byteLength(writtenBack) + tokenizationSlack;
}

/** Text that is tokenised anew may split otherwise at the seam. */
const tokenizationSlack = 16;

/** The candidate's row, once its trace has ended or the run ended it for another reason. */
export function toCandidate(
  { key, trace, tokens, milliseconds, lastExecution, logprobs }: CandidateProgress,
  policy: AnswerPolicy,
  endedBy?: Extract<CandidateOutcome, "context-full" | "budget" | "decided" | "engine-failed">,
): Candidate {
  const { rawAnswer } = trace;
  const ended = trace.ended?.outcome ?? endedBy ?? "no-answer";
  const outcome = rawAnswer !== undefined && ended !== "engine-failed" ? "answered" : ended;
  const answer = rawAnswer === undefined || outcome !== "answered" ? null : ballotOf(rawAnswer, policy);
  const meta = {
    ...(trace.ended?.pruned ? { pruned: true } : {}),
    ...(lastExecution === undefined ? {} : { lastExecution }),
    ...(logprobs === undefined ? {} : { meanLogProbability: logprobs.sum / logprobs.tokens }),
  };
  return {
    ...key,
    outcome,
    ...(rawAnswer === undefined ? {} : { rawAnswer: ownCopy(rawAnswer) }),
    ...(answer === null ? {} : { answer }),
    turns: trace.turns,
    tokens,
    milliseconds: Math.round(milliseconds),
    ...(Object.keys(meta).length > 0 ? { meta } : {}),
  };
}
