import type { Estimate } from "../../artifacts/summary.ts";
import { confidentWinner, type EarlyWinnerOptions } from "../early-stop/early-winner.ts";
import { type Ending, stoppedVote } from "../early-stop/stopped-vote.ts";
import { estimatesOf } from "../estimates.ts";
import { pairedInterval } from "../paired-interval.ts";
import { populationInterval } from "../population-interval.ts";
import { type ProblemScore, scoreProblem } from "../problem-score.ts";
import { randomStream, seedOf, shuffled } from "../seed.ts";
import { clusteredInterval } from "../statistics/clustered-interval.ts";
import { sum } from "../sum.ts";
import { creditOf, type VoteOptions, vote } from "../vote.ts";
import { intervalLevel } from "../wilson.ts";
import type { ShorterCandidate } from "./shorter-candidate.ts";

/** A problem, with what its candidates would have come to at some depth. */
export interface SimulatedProblem {
  problemId: string;
  expected: string;
  /** By replicate. Those that were lost to the engine or the sandbox are not among them. */
  replicates: ShorterCandidate[][];
}

export interface Setting {
  depth: number;
  widths: readonly number[]; // ascending
  vote: VoteOptions;
  /** A confidence at which votes are stopped early: 1 is certain. */
  earlyStop: number | undefined;
  afterAnswer: EarlyWinnerOptions["afterAnswer"];
  /** Milliseconds after which a problem's candidates are cut off. */
  budget: number | undefined;
}

/** What a run of this width and depth would have come to. */
export interface Forecast {
  depth: number;
  width: number;
  accuracy: Estimate;
  tokensPerProblem: Mean;
  /** Milliseconds until the last candidate that counts has ended, if all begin at once. */
  millisecondsPerProblem: Mean;
  /** What the candidates beyond the next smaller width add: points of accuracy per problem, paired. */
  gain: (Mean & { from: number }) | undefined;
}

export interface Mean {
  mean: number;
  low: number;
  high: number;
}

/** Subsets of candidates whose course in time is gone through, where that matters. */
const courses = 50;
const resamplingSeed = 5;

/**
 * The forecasts of one depth, by width. Without a budget and an early stop accuracy is maj@k: of all subsets, exact, with the
 * intervals of `score`. With them it depends on who ends when, and is the mean over 50 random subsets per problem.
 */
export function forecastsOf(problems: readonly SimulatedProblem[], setting: Setting): Forecast[] {
  const isTimed = setting.budget !== undefined || setting.earlyStop !== undefined;
  const perProblem = problems.map((problem) => ({
    courses: setting.widths.map((width) => courseOf(problem, width, setting, isTimed)),
    score: isTimed ? undefined : scoreOf(problem, setting),
  }));
  const scores = perProblem.map(({ score }) => score).filter((score) => score !== undefined);
  const estimates = isTimed ? undefined : estimatesOf(scores, setting.widths, problems[0]?.replicates.length ?? 1);
  const valueAt = (at: number, width: number) =>
    perProblem.map(({ courses: each, score }) => score?.majAt.get(width)?.value ?? each[at]?.credit ?? 0);
  return setting.widths.map((width, at) => {
    const from = setting.widths[at - 1];
    const values = valueAt(at, width);
    const before = from === undefined ? undefined : valueAt(at - 1, from);
    return {
      ...{ depth: setting.depth, width },
      accuracy: estimates?.majAt[String(width)] ?? sampledEstimate(values),
      tokensPerProblem: meanOf(perProblem.map(({ courses: each }) => each[at]?.tokens ?? 0)),
      millisecondsPerProblem: meanOf(perProblem.map(({ courses: each }) => each[at]?.milliseconds ?? 0)),
      gain:
        before === undefined || from === undefined
          ? undefined
          : { from, ...gainOf(values.map((value, problem) => value - (before[problem] ?? 0))) },
    };
  });
}

function scoreOf({ problemId, expected, replicates }: SimulatedProblem, { vote: rule, widths }: Setting): ProblemScore {
  const outcomes = replicates.map((observed) => ({
    observed,
    credit: creditOf(vote(observed, rule).answer, expected, observed, rule),
  }));
  return scoreProblem(outcomes, expected, { sizes: widths, vote: rule }, randomStream(seedFor(problemId)));
}

interface Course {
  credit: number;
  tokens: number;
  milliseconds: number;
}

/** How a problem's vote of so many candidates goes, on average over subsets and replicates. */
function courseOf(
  { problemId, expected, replicates }: SimulatedProblem,
  width: number,
  setting: Setting,
  isTimed: boolean,
): Course {
  const random = randomStream(seedFor(problemId));
  const all = replicates.flatMap((candidates) => {
    const size = Math.min(width, candidates.length);
    const isWhole = size === candidates.length;
    const draws = isWhole ? 1 : courses;
    return Array.from({ length: draws }, () => {
      const chosen = isWhole ? candidates : shuffled(candidates, random).slice(0, size);
      return { weight: 1 / draws / replicates.length, ...course(chosen, expected, setting) };
    });
  });
  const meanAt = (part: keyof Course) => sum(all.map((each) => each.weight * each[part]));
  if (isTimed) return { credit: meanAt("credit"), tokens: meanAt("tokens"), milliseconds: meanAt("milliseconds") };
  // Tokens of a random subset are known without drawing it.
  const tokens = sum(
    replicates.map((candidates) => {
      return (width * sum(candidates.map((each) => each.tokens))) / Math.max(1, candidates.length) / replicates.length;
    }),
  );
  return { credit: meanAt("credit"), tokens, milliseconds: meanAt("milliseconds") };
}

function course(candidates: readonly ShorterCandidate[], expected: string, setting: Setting): Course {
  const { vote: rule, earlyStop, afterAnswer, depth, budget = Number.POSITIVE_INFINITY } = setting;
  const inTime = candidates.map((candidate) => cutAt(candidate, budget));
  const last = Math.max(0, ...inTime.map(({ endsAt }) => endsAt));
  if (earlyStop === undefined || inTime.length === 0) {
    const { answer } = vote(inTime, rule);
    const tokens = sum(inTime.map((each) => each.tokens));
    return { credit: creditOf(answer, expected, inTime, rule), tokens, milliseconds: last };
  }
  const options = { ...rule, depth, afterAnswer };
  const { answer, at, cancelled } = stoppedVote(inTime, (state) => confidentWinner(state, options, earlyStop));
  const gone = new Set(cancelled.map(({ candidate }) => candidate));
  const tokens = sum(inTime.map((each) => (gone.has(each.candidate) ? tokensUntil(each, at) : each.tokens)));
  return { credit: answer === expected ? 1 : 0, tokens, milliseconds: at };
}

type TimedCandidate = ShorterCandidate & Ending;

/** The candidate as a budget leaves it: with the ballot that it had when its last whole turn was done. */
function cutAt(candidate: ShorterCandidate, budget: number): TimedCandidate {
  if (candidate.milliseconds <= budget) return { ...candidate, endsAt: candidate.milliseconds };
  const { answer: _, ...open } = candidate;
  const done = candidate.marks.filter(({ milliseconds }) => milliseconds <= budget);
  const answer = done.at(-1)?.answer;
  return {
    ...open,
    ...(answer === undefined ? {} : { answer }),
    ...{ endsAt: budget, tokens: tokensUntil(candidate, budget), turns: done.length },
  };
}

/** What the model had written by then: as if each turn's tokens came evenly. */
function tokensUntil({ marks }: ShorterCandidate, at: number): number {
  let before = { milliseconds: 0, tokens: 0 };
  for (const mark of marks) {
    if (mark.milliseconds > at) {
      const share = (at - before.milliseconds) / (mark.milliseconds - before.milliseconds);
      return before.tokens + share * (mark.tokens - before.tokens);
    }
    before = mark;
  }
  return before.tokens;
}

function sampledEstimate(values: readonly number[]): Estimate {
  const population = populationInterval(values);
  return {
    estimate: sum(values) / values.length,
    n: values.length,
    intervals: population === undefined ? [] : [population],
    method: `the course in time of ${courses} random subsets per problem`,
  };
}

function meanOf(values: readonly number[]): Mean {
  const mean = sum(values) / values.length;
  const interval = clusteredInterval(
    values.map((value) => [value]),
    intervalLevel,
  );
  return { mean, low: interval?.low ?? mean, high: interval?.high ?? mean };
}

function gainOf(differences: readonly number[]): Mean {
  const { low, high } = pairedInterval(differences);
  return { mean: sum(differences) / differences.length, low, high };
}

function seedFor(problemId: string): number {
  return seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
}

/** The settings that no other beats in both tokens and accuracy, cheapest first. */
export function frontierOf(forecasts: readonly Forecast[]): Forecast[] {
  const frontier: Forecast[] = [];
  const byCost = forecasts.toSorted(
    (a, b) => a.tokensPerProblem.mean - b.tokensPerProblem.mean || b.accuracy.estimate - a.accuracy.estimate,
  );
  for (const forecast of byCost) {
    if (forecast.accuracy.estimate > (frontier.at(-1)?.accuracy.estimate ?? -1)) frontier.push(forecast);
  }
  return frontier;
}
