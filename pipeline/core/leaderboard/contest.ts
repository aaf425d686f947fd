import { poissonBinomial } from "../statistics/poisson-binomial.ts";
import { sum } from "../sum.ts";
import type { Stratum } from "./competition.ts";
import { chanceOf } from "./forecast.ts";
import type { WinChances } from "./win-chances.ts";

/** What is estimated by drawing competitions: `draws` of them, so a share is known to 1/√draws at worst. */
export interface Contest {
  draws: number;
  /** By run, the chance of each place, from the first on. Equal scores share their places by lot. */
  places: number[][];
  /** Where one of the runs is chosen by its score in public, and scored again on other problems. */
  choice: { publicScore: number; privateScore: number; optimism: number; bestChosen: number };
}

/**
 * Draws the problems of a competition, and for each run which of them it solves. All runs meet the same problems; seeds
 * are their own.
 */
export function contestOf(
  competition: readonly Stratum[],
  runs: readonly WinChances[],
  { draws, random }: { draws: number; random: () => number },
): Contest {
  const places = runs.map(() => runs.map(() => 0));
  const expected = runs.map((chances) =>
    sum(
      competition.map(({ count, problemIds }) => {
        return (count * sum(problemIds.map((id) => chanceOf(chances, id)))) / problemIds.length;
      }),
    ),
  );
  const truest = expected.indexOf(Math.max(...expected));
  let [publicScore, privateScore, bestChosen] = [0, 0, 0];
  for (let draw = 0; draw < draws; draw += 1) {
    const problems = drawProblems(competition, random);
    const scores = runs.map((chances) => {
      let solved = 0;
      for (const id of problems) if (random() < chanceOf(chances, id)) solved += 1;
      return solved + random(); // a lot for equal scores
    });
    const order = scores.map((_, run) => run).toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    for (const [place, run] of order.entries()) {
      const ofRun = places[run];
      if (ofRun) ofRun[place] = (ofRun[place] ?? 0) + 1 / draws;
    }
    const chosen = order[0] ?? 0;
    publicScore += Math.floor(scores[chosen] ?? 0) / draws;
    privateScore += (expected[chosen] ?? 0) / draws;
    if (chosen === truest) bestChosen += 1 / draws;
  }
  return { draws, places, choice: { publicScore, privateScore, optimism: publicScore - privateScore, bestChosen } };
}

/** The best of k submissions of one run: what it shows in public, and how far that is above what it is worth. */
export interface BestOf {
  submissions: number;
  publicScore: number;
  optimism: number;
}

/**
 * The same run, submitted k times on the same problems with other seeds. Given the problems, scores are independent, so
 * their maximum is known exactly: P(max ≤ s) = P(score ≤ s)^k. Only the problems are drawn. Scored again on other
 * problems, the chosen submission has the run's expected score: what is above it in public was luck with seeds.
 */
export function bestOf(
  competition: readonly Stratum[],
  chances: WinChances,
  submissions: readonly number[],
  { draws, random }: { draws: number; random: () => number },
): BestOf[] {
  const best = submissions.map(() => 0);
  let single = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    const distribution = poissonBinomial(drawProblems(competition, random).map((id) => chanceOf(chances, id)));
    single += expectedMaximum(distribution, 1) / draws;
    for (const [at, k] of submissions.entries()) best[at] = (best[at] ?? 0) + expectedMaximum(distribution, k) / draws;
  }
  return submissions.map((k, at) => ({
    submissions: k,
    publicScore: best[at] ?? 0,
    optimism: (best[at] ?? 0) - single, // the same problems in both: their luck cancels
  }));
}

/** Of k independent numbers with this distribution: Σ_s P(max > s). */
function expectedMaximum(distribution: Float64Array, k: number): number {
  let [below, expected] = [0, 0];
  for (let score = 0; score < distribution.length - 1; score += 1) {
    below += distribution[score] ?? 0;
    expected += 1 - Math.min(1, below) ** k;
  }
  return expected;
}

function drawProblems(competition: readonly Stratum[], random: () => number): string[] {
  return competition.flatMap(({ count, problemIds }) =>
    Array.from({ length: count }, () => problemIds[Math.floor(random() * problemIds.length)] ?? ""),
  );
}
