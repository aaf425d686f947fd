import type { ProblemResult, RunResults } from "../run-results.ts";
import type { Observation } from "../sampling-interval.ts";
import { problemScores } from "./problem-scores.ts";

/** A problem that two runs share, with what each made of it. */
export interface PairedProblem {
  problemId: string;
  set: string;
  a: Observation;
  b: Observation;
}

/** What two runs share, and what they do not. */
export interface Pairing {
  /** The vote's size, where the widths differ: the smaller one. */
  votesOf: number;
  problems: PairedProblem[]; // sorted by problemId
  onlyInA: string[];
  onlyInB: string[];
  otherAnswer: string[]; // in both, with other gold answers: left out
  otherStatement: string[]; // in both, with other texts: left out
}

/**
 * Pairs two runs by problem. A problem whose text or right answer was changed in between is another problem, whatever it
 * is called. Of runs of unequal widths the wider one counts with the vote of as many candidates as the narrower has:
 * maj@k over all its subsets.
 */
export function pairProblems(a: RunResults, b: RunResults): Pairing {
  const votesOf = Math.min(a.width, b.width);
  const [scoresA, scoresB] = [problemScores(a, votesOf), problemScores(b, votesOf)];
  const ofB = new Map(b.problems.map((problem) => [problem.problemId, problem]));
  const inA = new Set(a.problems.map(({ problemId }) => problemId));
  const pairing: Pairing = {
    ...{ votesOf, problems: [], onlyInA: [], otherAnswer: [], otherStatement: [] },
    onlyInB: b.problems.filter(({ problemId }) => !inA.has(problemId)).map(({ problemId }) => problemId),
  };
  for (const problem of a.problems) {
    const { problemId, set } = problem;
    const other = ofB.get(problemId);
    if (other === undefined) pairing.onlyInA.push(problemId);
    else if (rightAnswer(other) !== rightAnswer(problem)) pairing.otherAnswer.push(problemId);
    else if (other.statementHash !== problem.statementHash) pairing.otherStatement.push(problemId);
    else pairing.problems.push({ problemId, set, a: observed(scoresA, problemId), b: observed(scoresB, problemId) });
  }
  return pairing;
}

function rightAnswer({ gold, expected }: ProblemResult): string {
  return JSON.stringify([gold, expected]);
}

function observed(scores: ReadonlyMap<string, Observation>, problemId: string): Observation {
  const observation = scores.get(problemId);
  if (observation === undefined) throw new Error(`no score of ${problemId}`);
  return observation;
}
