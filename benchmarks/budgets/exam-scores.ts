import { randomStream, shuffled } from "../../pipeline/core/seed.ts";
import { quantile } from "../interleaved-rounds.ts";
import { type ExamResult, sitExam } from "./exam.ts";
import type { SharingRule } from "./sharing-rules.ts";
import type { TimedProblem } from "./timed-problem.ts";

export const problemsOfAnExam = 50;
export const draws = 100;
export const ordersOfADraw = 20;

/** The exams of a draw of problems, one in each order; and all draws. */
type Exams = readonly (readonly ExamResult[])[];

/** A mean with its standard error. */
export interface Mean {
  mean: number;
  error: number;
}

/** Exams of problems drawn with replacement, under a rule. Every rule has the same draws and orders. */
export function sitMany(problems: readonly TimedProblem[], totalSeconds: number, rule: SharingRule): Exams {
  const random = randomStream(2);
  const allowance = rule.allowance(totalSeconds, problemsOfAnExam);
  return Array.from({ length: draws }, () => {
    const drawn = Array.from({ length: problemsOfAnExam }, () => draw(problems, random));
    return Array.from({ length: ordersOfADraw }, () => sitExam(shuffled(drawn, random), totalSeconds, allowance));
  });
}

/** What a full exam takes on average. */
export function fullSeconds(problems: readonly TimedProblem[]): number {
  return problemsOfAnExam * mean(problems.map(({ seconds }) => seconds));
}

/** Of all exams. `spreadOverOrders` is the standard deviation within a draw: how much the order alone does. */
export function summaryOf(exams: Exams) {
  const scores = scoresOf(exams.flat());
  return {
    score: mean(scores),
    worst: quantile(scores, 0.05),
    spreadOverOrders: Math.sqrt(mean(exams.map((ofDraw) => deviation(scoresOf(ofDraw)) ** 2))),
    spread: deviation(scores),
    unused: mean(exams.flat().map(({ unused }) => unused)),
  };
}

/** How many more problems `ours` answer, exam by exam. Only draws are independent: the exams of one share its problems. */
export function leadOf(ours: Exams, theirs: Exams): Mean {
  const leads = ours.map((ofDraw, index) => mean(scoresOf(ofDraw)) - mean(scoresOf(theirs[index] ?? [])));
  return { mean: mean(leads), error: deviation(leads) / Math.sqrt(leads.length) };
}

export function draw<Item>(items: readonly Item[], random: () => number): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function scoresOf(exams: readonly ExamResult[]): number[] {
  return exams.map(({ score }) => score);
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
