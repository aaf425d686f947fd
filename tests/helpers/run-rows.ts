import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { SelectedProblem } from "../../pipeline/artifacts/problem.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";

/** Makers of artifact rows. What a test says nothing of is something ordinary. */

export function problem(problemId: string, answer: string): SelectedProblem {
  return {
    ...{ problemId, set: problemId.split("/")[0] ?? "", statement: `What is ${problemId}?`, gold: answer },
    ...{ answer, flags: [] },
  };
}

/** A candidate that answered, or that has no answer. */
export function candidate(
  problemId: string,
  number: number,
  answer: string | undefined,
  rest: Partial<Candidate> = {},
): Candidate {
  return {
    ...{ problemId, replicate: 0, candidate: number, outcome: answer === undefined ? "no-answer" : "answered" },
    ...{ turns: 2, tokens: { prompt: 10, completion: 20 }, milliseconds: 5 },
    ...(answer === undefined ? {} : { rawAnswer: answer, answer }),
    ...rest,
  };
}

/** Candidates 0, 1, … with these answers. */
export function candidates(problemId: string, answers: readonly (string | undefined)[], replicate = 0): Candidate[] {
  return answers.map((answer, number) => candidate(problemId, number, answer, { replicate }));
}

export function turn(problemId: string, number: number, text: string, rest: Partial<Turn> = {}): Turn {
  return {
    ...{ problemId, replicate: 0, candidate: number, turn: 0, requestId: `${problemId}:0:${number}:0`, seed: 1, text },
    ...{ finish: "stop", tokens: { prompt: 5, completion: 5 }, startedAt: 0, milliseconds: 1 },
    ...rest,
  };
}

export function execution(outcome: NonNullable<Turn["execution"]>["outcome"]): NonNullable<Turn["execution"]> {
  return { outcome, output: "1", outputBytes: 2, milliseconds: 1, cpuMilliseconds: 1, peakMemoryMiB: 1 };
}
