import type { Remaining } from "../../pipeline/core/budget.ts";
import { isRightAfter, type TimedProblem } from "./timed-problem.ts";

/** How long a problem of an exam may take that begins now. */
export type Allowance = (remaining: Remaining) => number;

export interface ExamResult {
  score: number; // problems that were answered rightly
  unused: number; // share of the time
}

/** One problem after the other, in the order given. A problem whose winner is certain gives back its time. */
export function sitExam(problems: readonly TimedProblem[], totalSeconds: number, allowance: Allowance): ExamResult {
  const constant = { allProblems: problems.length, lanes: 1, secondsBefore: 0 };
  let seconds = totalSeconds;
  let score = 0;
  for (const [index, problem] of problems.entries()) {
    const allowed = allowance({ ...constant, seconds, problems: problems.length - index });
    if (isRightAfter(problem, allowed)) score += 1;
    seconds = Math.max(0, seconds - Math.min(allowed, problem.seconds));
  }
  return { score, unused: seconds / totalSeconds };
}
