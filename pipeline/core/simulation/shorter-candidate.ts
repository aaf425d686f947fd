import type { AnswerPolicy } from "../../artifacts/answer-policy.ts";
import type { Candidate } from "../../artifacts/candidate.ts";
import type { ExecutionOutcome } from "../../artifacts/execution.ts";
import type { Turn } from "../../artifacts/turn.ts";
import { ballotOf } from "../answer-policy.ts";
import { advance, type ReasoningRules, startTrace, type Trace } from "../trace.ts";
import type { Voter } from "../vote.ts";

/** What a candidate would have come to with fewer turns. */
export interface ShorterCandidate extends Voter {
  tokens: number; // that the model wrote
  milliseconds: number; // of its requests and programs
  /** When it had finished each of its turns, and with which ballot it would then have been cut off. */
  marks: readonly { milliseconds: number; tokens: number; answer?: string }[];
}

/**
 * One candidate, told from its own turns as if there had been `depth` of them at most. A run of that depth would have
 * asked the model for the same ones: a request depends on what came before it, and its seed on its number. Only the last
 * turn is looked at differently: a program that it asks for is not run, as nothing would read the output.
 */
export class CandidateReplay {
  readonly #rules: ReasoningRules;
  readonly #policy: AnswerPolicy;
  readonly #marks: { milliseconds: number; tokens: number; answer?: string }[] = [];
  #trace: Trace;
  #tokens = 0;
  #milliseconds = 0;
  #lastExecution: ExecutionOutcome | undefined;

  constructor(statement: string, rules: ReasoningRules, policy: AnswerPolicy) {
    this.#rules = rules;
    this.#policy = policy;
    this.#trace = startTrace(rules.profile, statement);
  }

  /** Takes in the candidate's next turn, if it would have had that. */
  add(row: Turn): void {
    if (this.#trace.ended) return;
    const isLast = this.#trace.turns + 1 >= this.#rules.depth;
    const runsProgram = row.execution !== undefined && !(isLast && this.#rules.profile.answer.from !== "output");
    const recorded = row.code === undefined || !runsProgram ? undefined : executeOf(row.code);
    this.#trace = advance(this.#rules, this.#trace, row, runsProgram ? row.execution : undefined, recorded);
    this.#tokens += row.tokens.completion;
    this.#milliseconds += row.milliseconds + (runsProgram ? (row.execution?.milliseconds ?? 0) : 0);
    if (runsProgram) this.#lastExecution = row.execution?.outcome;
    const answer = this.#ballot();
    this.#marks.push({
      ...{ milliseconds: this.#milliseconds, tokens: this.#tokens },
      ...(answer === undefined ? {} : { answer }),
    });
    if (this.#trace.ended) this.#trace = { ...this.#trace, prompt: "", text: "", executedBlocks: [] };
  }

  /** `candidate` is its row as the run has it: it may have ended for a reason that its turns do not tell. */
  result({ candidate, outcome, meta }: Pick<Candidate, "candidate" | "outcome" | "meta">): ShorterCandidate {
    const { rawAnswer, ended, turns } = this.#trace;
    const isLost = outcome === "engine-failed" && !ended;
    const isAnswer = rawAnswer !== undefined && !isLost && (ended === undefined || ended.outcome === "answered");
    const answer = isAnswer ? this.#ballot() : undefined;
    const { pruned: _, lastExecution: __, ...rest } = meta ?? {};
    return {
      ...{ candidate, turns, tokens: this.#tokens, milliseconds: this.#milliseconds, marks: this.#marks },
      ...(answer === undefined ? {} : { answer }),
      meta: {
        ...rest, // a score
        ...(ended?.pruned ? { pruned: true } : {}),
        ...(this.#lastExecution === undefined ? {} : { lastExecution: this.#lastExecution }),
      },
    };
  }

  #ballot(): string | undefined {
    const { rawAnswer } = this.#trace;
    return rawAnswer === undefined ? undefined : (ballotOf(rawAnswer, this.#policy) ?? undefined);
  }
}

function executeOf(code: string) {
  return { kind: "execute" as const, code, earlier: [] };
}
