import { allowedSeconds } from "../../pipeline/core/budget.ts";
import type { Allowance } from "./exam.ts";

/** A way to share out the time of an exam. */
export interface SharingRule {
  name: string;
  allowance(totalSeconds: number, problems: number): Allowance;
}

/** Whoever comes takes what it needs. */
export const greedy: SharingRule = { name: "greedy", allowance: () => (remaining) => remaining.seconds };

/** The same time for each. What is left over is lost. */
export const fixed: SharingRule = {
  name: "fixed",
  allowance: (totalSeconds, problems) => (remaining) =>
    allowedSeconds({ policy: "fixed", problemSeconds: totalSeconds / problems, totalSeconds }, remaining),
};

export const bank: SharingRule = {
  name: "bank",
  allowance: (totalSeconds) => (remaining) =>
    allowedSeconds({ policy: "bank", problemSeconds: null, totalSeconds }, remaining),
};

/** The bank with another share than half. Of none of it, the rule is to split evenly what is left. */
export const otherBanks: readonly SharingRule[] = [0, 0.25, 0.75, 1].map((share) => ({
  name: `${100 * share} % of the bank`,
  allowance:
    (totalSeconds, allProblems) =>
    ({ seconds, problems }) => {
      const base = Math.min(totalSeconds / allProblems, seconds / problems);
      return base + (seconds - base * problems) * Math.max(share, 1 / problems);
    },
}));
