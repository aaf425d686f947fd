import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { SelectedProblem } from "../../pipeline/artifacts/problem.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";

/** Small makers of rows: what a test does not care about has a fixed value. */

export function selectedRow(problemId: string, answer: string, rest: Partial<SelectedProblem> = {}): SelectedProblem {
  const set = problemId.slice(0, problemId.indexOf("/"));
  return { problemId, set, statement: `What is ${problemId}?`, gold: answer, answer, flags: [], ...rest };
}

export function candidateRow(problemId: string, candidate: number, rest: Partial<Candidate> = {}): Candidate {
  return {
    ...{ problemId, replicate: 0, candidate, outcome: "no-answer", turns: 1 },
    ...{ tokens: { prompt: 10, completion: 20 }, milliseconds: 5 },
    ...rest,
  };
}

export function turnRow(problemId: string, candidate: number, turn: number, rest: Partial<Turn> = {}): Turn {
  return {
    ...{ problemId, replicate: 0, candidate, turn, requestId: `${problemId}:0:${candidate}:${turn}:0`, seed: 1 },
    ...{ text: "text", finish: "stop", tokens: { prompt: 10, completion: 20 }, startedAt: 0, milliseconds: 5 },
    ...rest,
  };
}
