import { effectiveProblems, populationInterval } from "../population-interval.ts";
import { betaBinomial } from "../statistics/beta-binomial.ts";
import { poissonBinomial } from "../statistics/poisson-binomial.ts";
import { sum } from "../sum.ts";
import { intervalLevel } from "../wilson.ts";
import type { Stratum } from "./competition.ts";
import type { WinChances } from "./win-chances.ts";

/** What a competition would show of one run. Scores are counts of problems. */
export interface Forecast {
  expected: number;
  /** How well that is known: the problems to draw from are themselves a sample of their kind. */
  expectedInterval: { low: number; high: number; level: number };
  standardDeviation: number;
  /** The score's variance, by what it is due to: which problems were drawn, and with which seeds they were answered. */
  variance: { problems: number; sampling: number };
  quantiles: Record<"5" | "25" | "50" | "75" | "95", number>;
  distribution: number[]; // the chance of each score from 0 on
  /** Where nine of ten scores lie on problems that are not at hand, but of the same kind. */
  onOtherProblems: { low: number; high: number; level: number };
}

/**
 * Exact: a problem drawn at random is solved with the mean of its set's chances, and draws are independent, so the score
 * has a Poisson binomial distribution. Its variance Σ p̄(1 - p̄) is the sum of Σ mean(p(1 - p)), which is left when the
 * problems are known, and Σ var(p), by the law of total variance. What is not known of the mean itself follows from
 * `accuracies`, the verdicts that the chances come from.
 */
export function forecastOf(competition: readonly Stratum[], chances: WinChances, accuracies = chances): Forecast {
  const means = competition.map(({ problemIds }) => mean(problemIds.map((id) => chanceOf(chances, id))));
  const distribution = [...poissonBinomial(competition.flatMap(({ count }, at) => Array(count).fill(means[at] ?? 0)))];
  const sampling = sum(
    competition.map(({ count, problemIds }) => {
      return count * mean(problemIds.map((id) => chanceOf(chances, id) * (1 - chanceOf(chances, id))));
    }),
  );
  const total = sum(competition.map(({ count }, at) => count * (means[at] ?? 0) * (1 - (means[at] ?? 0))));
  const quantile = (share: number) => quantileOf(distribution, share);
  return {
    expected: sum(competition.map(({ count }, at) => count * (means[at] ?? 0))),
    expectedInterval: { ...knownTo(competition, accuracies), level: intervalLevel },
    standardDeviation: Math.sqrt(total),
    variance: { problems: Math.max(0, total - sampling), sampling },
    quantiles: { 5: quantile(0.05), 25: quantile(0.25), 50: quantile(0.5), 75: quantile(0.75), 95: quantile(0.95) },
    distribution,
    onOtherProblems: predicted(competition, accuracies),
  };
}

/**
 * Each set's part within the population interval of its mean chance; parts of several sets are put together as
 * independent deviations, each to its own side.
 */
function knownTo(competition: readonly Stratum[], chances: WinChances): { low: number; high: number } {
  const parts = competition.map(({ count, problemIds }) => {
    const values = problemIds.map((id) => chanceOf(chances, id));
    const { low, high } = populationInterval(values) ?? { low: 0, high: 1 };
    return { expected: count * mean(values), low: count * low, high: count * high };
  });
  const expected = sum(parts.map((part) => part.expected));
  return {
    low: expected - Math.hypot(...parts.map((part) => part.expected - part.low)),
    high: expected + Math.hypot(...parts.map((part) => part.high - part.expected)),
  };
}

/**
 * How many of other problems a run solves is a number with the beta-binomial distribution, if what the problems at hand tell of
 * the mean chance is put as Jeffreys' posterior of so many successes in the effective number of problems. Sets add up.
 */
function predicted(competition: readonly Stratum[], accuracies: WinChances): Forecast["onOtherProblems"] {
  let distribution = Float64Array.of(1);
  for (const { count, problemIds } of competition) {
    const values = problemIds.map((id) => chanceOf(accuracies, id));
    const [share, trials] = [mean(values), effectiveProblems(values)];
    const ofSet = betaBinomial(count, share * trials + 0.5, (1 - share) * trials + 0.5);
    const both = new Float64Array(distribution.length + count);
    for (const [score, chance] of distribution.entries()) {
      for (const [more, other] of ofSet.entries()) both[score + more] = (both[score + more] ?? 0) + chance * other;
    }
    distribution = both;
  }
  const quantile = (share: number) => quantileOf([...distribution], share);
  return { low: quantile(0.05), high: quantile(0.95), level: 0.9 };
}

/** Which of two runs would have the higher score, on the same problems. */
export interface Duel {
  wins: number; // chance that b's score is higher
  ties: number;
  losses: number;
}

/** Exact: each problem moves the difference of the scores by 1, 0 or -1, and the differences of all add up. */
export function duelOf(competition: readonly Stratum[], a: WinChances, b: WinChances): Duel {
  const problems = sum(competition.map(({ count }) => count));
  let distribution = new Float64Array(2 * problems + 1); // of the difference, from -problems on
  distribution[problems] = 1;
  for (const { count, problemIds } of competition) {
    const gained = mean(problemIds.map((id) => chanceOf(b, id) * (1 - chanceOf(a, id))));
    const lost = mean(problemIds.map((id) => chanceOf(a, id) * (1 - chanceOf(b, id))));
    for (let step = 0; step < count; step += 1) {
      distribution = distribution.map((stay, at) => {
        return stay * (1 - gained - lost) + (distribution[at - 1] ?? 0) * gained + (distribution[at + 1] ?? 0) * lost;
      });
    }
  }
  return {
    wins: Math.min(1, sum([...distribution.subarray(problems + 1)])),
    ties: distribution[problems] ?? 0,
    losses: Math.min(1, sum([...distribution.subarray(0, problems)])),
  };
}

export function chanceOf(chances: WinChances, problemId: string): number {
  const chance = chances.get(problemId);
  if (chance === undefined) throw new Error(`no chance of ${problemId}`);
  return chance;
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function quantileOf(distribution: readonly number[], share: number): number {
  let below = 0;
  for (const [score, chance] of distribution.entries()) {
    below += chance;
    if (below >= share - 1e-12) return score;
  }
  return distribution.length - 1;
}
