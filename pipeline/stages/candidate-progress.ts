import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import type { Candidate, CandidateOutcome } from "../artifacts/candidate.ts";
import { type CandidateKey, candidateKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { ballotOf } from "../core/answer-policy.ts";
import { advance, type ReasoningRules, type Trace } from "../core/trace.ts";
import { UserError } from "../core/user-error.ts";

/** How far a candidate has come. A finished one holds no text any more: there may be hundreds of thousands. */
export interface CandidateProgress {
  key: CandidateKey;
  trace: Trace;
  tokens: { prompt: number; completion: number };
  milliseconds: number;
  /** An upper bound of the tokens in prompt and text, known once a turn has been counted by the engine. */
  tokensAtMost?: number;
}

export function startProgress(key: CandidateKey, trace: Trace): CandidateProgress {
  return { key, trace, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 };
}

/**
 * The progress after a turn, live or read back from the journal: the same fold, so that a resumed candidate goes on
 * exactly as it would have gone on undisturbed.
 */
export function withTurn(rules: ReasoningRules, progress: CandidateProgress, row: Turn): CandidateProgress {
  if (row.turn !== progress.trace.turns || progress.trace.ended) {
    const which = `${candidateKey(row)}, turn ${row.turn}`;
    throw new UserError(
      row.turn < progress.trace.turns
        ? `turns.jsonl holds ${which} twice.`
        : `turns.jsonl: ${which} does not follow turn ${progress.trace.turns - 1}.`,
      { hint: "The journal was changed by hand or written by two processes. Start the run in a new directory." },
    );
  }
  const written = progress.trace.text + row.text;
  const trace = advance(rules, progress.trace, row, row.execution);
  return {
    key: progress.key,
    trace: trace.ended ? { ...trace, prompt: "", text: "", executedBlocks: [] } : trace,
    tokens: {
      prompt: progress.tokens.prompt + row.tokens.prompt,
      completion: progress.tokens.completion + row.tokens.completion,
    },
    milliseconds: progress.milliseconds + row.milliseconds + (row.execution?.milliseconds ?? 0),
    ...(trace.text === "" ? {} : { tokensAtMost: tokensAtMost(row, written, trace.text) }),
  };
}

/** A byte is a token at most; what the engine has counted is exact. */
function tokensAtMost({ tokens }: Turn, counted: string, text: string): number {
  const added = Math.max(0, Buffer.byteLength(text) - Buffer.byteLength(counted));
  return tokens.prompt + tokens.completion + added + tokenizationSlack;
}

/** Text that is tokenised anew may split otherwise at the seam. */
const tokenizationSlack = 16;

/** The candidate's row, once its trace has ended or the run ended it for another reason. */
export function toCandidate(
  { key, trace, tokens, milliseconds }: CandidateProgress,
  policy: AnswerPolicy,
  endedBy?: Extract<CandidateOutcome, "context-full" | "budget" | "decided" | "engine-failed">,
): Candidate {
  const { rawAnswer } = trace;
  const ended = trace.ended?.outcome ?? endedBy ?? "no-answer";
  const outcome = rawAnswer !== undefined && ended !== "engine-failed" ? "answered" : ended;
  const answer = rawAnswer === undefined || outcome !== "answered" ? null : ballotOf(rawAnswer, policy);
  return {
    ...key,
    outcome,
    ...(rawAnswer === undefined ? {} : { rawAnswer }),
    ...(answer === null ? {} : { answer }),
    turns: trace.turns,
    tokens,
    milliseconds: Math.round(milliseconds),
    ...(trace.ended?.pruned ? { meta: { pruned: true } } : {}),
  };
}
