import type { RunResults } from "../run-results.ts";
import { randomStream } from "../seed.ts";
import { UserError } from "../user-error.ts";
import { competitionOf, type Stratum } from "./competition.ts";
import { type BestOf, bestOf, type Contest, contestOf } from "./contest.ts";
import { type Duel, duelOf, type Forecast, forecastOf } from "./forecast.ts";
import { winChances } from "./win-chances.ts";

/** What a competition would show of some runs. */
export interface Leaderboard {
  problems: number; // of the competition
  competition: { set: string; count: number; drawnFrom: number }[];
  runs: ({ name: string; best: BestOf[]; knowsSampling: boolean } & Forecast)[];
  duels: ({ a: string; b: string } & Duel)[]; // each pair
  contest: Contest | null; // null for a single run
}

export interface LeaderboardOptions {
  problems: number;
  mixture: ReadonlyMap<string, number> | undefined;
  submissions: number; // the most that are told of
  draws: number;
  seed: number;
}

/** Draws of problems for the best of k: each is worth a whole distribution, so fewer are needed. */
const drawsOfBest = 1000;

/** Over the problems that all runs share. Throws a UserError where there are none, or a set of the mixture has none. */
export function leaderboardOf(runs: readonly RunResults[], options: LeaderboardOptions): Leaderboard {
  const { problems, mixture, submissions, draws, seed } = options;
  const competition = competitionOf(sharedProblems(runs), problems, mixture);
  const known = runs.map((run) => ({ name: run.name, ...winChances(run) }));
  const sizes = [1, 2, 3, 5, 10, 20, 50, 100].filter((size) => size < submissions);
  return {
    problems,
    competition: competition.map(({ set, count, problemIds }) => ({ set, count, drawnFrom: problemIds.length })),
    runs: known.map(({ name, accuracies, chances, knowsSampling }) => ({
      ...{ name, ...forecastOf(competition, chances, accuracies), knowsSampling },
      best: bestOf(competition, chances, [...sizes, submissions], { draws: drawsOfBest, random: randomStream(seed) }),
    })),
    duels: known.flatMap((a, at) =>
      known.slice(at + 1).map((b) => ({ a: a.name, b: b.name, ...duelOf(competition, a.accuracies, b.accuracies) })),
    ),
    contest: contest(competition, known, { draws, seed }),
  };
}

function contest(
  competition: readonly Stratum[],
  known: readonly { accuracies: ReadonlyMap<string, number> }[],
  { draws, seed }: { draws: number; seed: number },
): Contest | null {
  if (known.length < 2) return null;
  const runs = known.map(({ accuracies }) => accuracies);
  return contestOf(competition, runs, { draws, random: randomStream(seed) });
}

function sharedProblems([first, ...others]: readonly RunResults[]): { problemId: string; set: string }[] {
  const byId = others.map((run) => new Map(run.problems.map((problem) => [problem.problemId, problem])));
  const shared = (first?.problems ?? []).filter(({ problemId, expected, statementHash }) =>
    byId.every((problems) => {
      const other = problems.get(problemId);
      return other?.expected === expected && other.statementHash === statementHash;
    }),
  );
  if (shared.length > 0) return shared;
  throw new UserError("These runs have no problem in common, so no competition can be drawn for them.", {
    hint: "A problem is the same where problemId, statement and gold answer are.",
  });
}
