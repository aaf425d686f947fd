import { describe, expect, it, vi } from "vitest";
import type { Estimate, Interval } from "../../pipeline/artifacts/summary.ts";
import { estimatesOf } from "../../pipeline/core/estimates.ts";
import { passAt } from "../../pipeline/core/pass-at.ts";
import { populationInterval } from "../../pipeline/core/population-interval.ts";
import { scoreProblem } from "../../pipeline/core/problem-score.ts";
import { randomStream } from "../../pipeline/core/seed.ts";

/**
 * How often intervals hold the truth, in simulated runs of known chances. The seeds are fixed, so that a run either
 * always passes or never; 95 % is meant, and 92 to 98 % is what some hundred runs of a sound interval stay within.
 */

interface Problem {
  right: number; // chance that a candidate gives the right answer, "1"
  rival: number; // chance of "2"; else it has no answer
}
const rules = { sizes: [1, 2, 4, 8], vote: { ties: "first-seen", fallback: null } } as const;
const runs = 400;
vi.setConfig({ testTimeout: 180_000 }); // seconds of work, on a busy machine minutes

function problems(count: number, random: () => number): Problem[] {
  return Array.from({ length: count }, () => {
    const right = random();
    return { right, rival: (1 - right) * random() };
  });
}

/** What eight candidates answer. */
function answersTo({ right, rival }: Problem, random: () => number): (string | undefined)[] {
  return Array.from({ length: 8 }, () => {
    const draw = random();
    return draw < right ? "1" : draw < right + rival ? "2" : undefined;
  });
}

/** The estimates of one run: `replicates` times eight candidates for each problem. */
function simulate(of: readonly Problem[], replicates: number, random: () => number) {
  const scores = of.map((problem) => {
    const outcomes = Array.from({ length: replicates }, () => {
      const answers = answersTo(problem, random);
      const observed = answers.map((answer, candidate) => ({ candidate, turns: 1, ...(answer && { answer }) }));
      return { observed, credit: votesRight(answers) ? 1 : 0 };
    });
    return scoreProblem(outcomes, "1", rules, random);
  });
  return estimatesOf(scores, rules.sizes, replicates);
}

const countRight = (answers: (string | undefined)[]) => answers.filter((answer) => answer === "1").length;

/** The vote between "1" and "2", the first seen winning a tie. */
function votesRight(answers: (string | undefined)[]): boolean {
  const cast = answers.filter((answer) => answer !== undefined);
  const right = countRight(cast);
  return right > cast.length - right || (right > 0 && 2 * right === cast.length && cast[0] === "1");
}

/** The chance that the vote of k candidates is right, summed over all counts of both answers. */
function chanceOfRightVote({ right, rival }: Problem, k: number): number {
  let chance = 0;
  for (let a = 1; a <= k; a += 1) {
    for (let b = 0; a + b <= k && b <= a; b += 1) {
      const ways = choose(k, a) * choose(k - a, b);
      const each = ways * right ** a * rival ** b * (1 - right - rival) ** (k - a - b);
      chance += a === b ? each / 2 : each; // either is as likely to be the first seen
    }
  }
  return chance;
}

function choose(n: number, k: number): number {
  return k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k;
}

const meanOver = (of: readonly Problem[], value: (problem: Problem) => number) =>
  of.reduce((sum, problem) => sum + value(problem), 0) / of.length;

function holds(interval: Interval | undefined, truth: number): number {
  return interval && interval.low <= truth && truth <= interval.high ? 1 : 0;
}

const sampling = (estimate: Estimate | undefined) => estimate?.intervals.find(({ kind }) => kind === "sampling");

function expectCoverage(held: Record<string, number>): void {
  for (const [name, count] of Object.entries(held)) {
    expect(count / runs, name).toBeGreaterThanOrEqual(0.92);
    expect(count / runs, name).toBeLessThanOrEqual(0.98);
  }
}

describe("coverage", () => {
  it("of sampling intervals from one replicate: the same 25 problems, other seeds", () => {
    const random = randomStream(11);
    const fixed = problems(25, random);
    const truth = {
      single: meanOver(fixed, ({ right }) => right),
      pass2: meanOver(fixed, ({ right }) => 1 - (1 - right) ** 2),
      maj2: meanOver(fixed, (problem) => chanceOfRightVote(problem, 2)),
      vote: meanOver(fixed, (problem) => chanceOfRightVote(problem, 8)),
    };
    const held = { single: 0, pass2: 0, maj2: 0, vote: 0 };
    for (let run = 0; run < runs; run += 1) {
      const { accuracy, candidateAccuracy, passAt, majAt } = simulate(fixed, 1, random);
      held.single += holds(sampling(candidateAccuracy), truth.single);
      held.pass2 += holds(sampling(passAt["2"]), truth.pass2);
      held.maj2 += holds(sampling(majAt["2"]), truth.maj2);
      held.vote += holds(sampling(accuracy), truth.vote);
    }
    expectCoverage(held);
  });

  it("of sampling intervals from three replicates", () => {
    const random = randomStream(12);
    const fixed = problems(25, random);
    const truth = meanOver(fixed, (problem) => chanceOfRightVote(problem, 8));
    const half = meanOver(fixed, (problem) => chanceOfRightVote(problem, 4));
    const held = { vote: 0, maj4: 0 };
    for (let run = 0; run < runs; run += 1) {
      const { accuracy, majAt } = simulate(fixed, 3, random);
      held.vote += holds(sampling(accuracy), truth);
      held.maj4 += holds(sampling(majAt["4"]), half);
    }
    expectCoverage(held);
  });

  it.each([1, 3])("of population intervals: other problems, %d replicates", (replicates) => {
    const random = randomStream(13 + replicates);
    // Averages over the whole population, by many problems of it.
    const population = problems(100_000, random);
    const truth = {
      single: meanOver(population, ({ right }) => right),
      pass2: meanOver(population, ({ right }) => 1 - (1 - right) ** 2),
      vote: meanOver(population, (problem) => chanceOfRightVote(problem, 8)),
    };
    const held = { single: 0, pass2: 0, vote: 0 };
    for (let run = 0; run < runs; run += 1) {
      const answers = problems(40, random).map((problem) =>
        Array.from({ length: replicates }, () => answersTo(problem, random)),
      );
      const overProblems = (value: (ofReplicate: (string | undefined)[]) => number) =>
        populationInterval(answers.map((each) => each.reduce((sum, one) => sum + value(one) / replicates, 0)));
      held.single += holds(
        overProblems((one) => countRight(one) / 8),
        truth.single,
      );
      held.pass2 += holds(
        overProblems((one) => passAt(8, countRight(one), 2)),
        truth.pass2,
      );
      held.vote += holds(
        overProblems((one) => (votesRight(one) ? 1 : 0)),
        truth.vote,
      );
    }
    expectCoverage(held);
  });
});
