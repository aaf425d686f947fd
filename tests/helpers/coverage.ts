import type { Estimate, Interval } from "../../pipeline/artifacts/summary.ts";
import { differenceOf } from "../../pipeline/core/comparison/difference.ts";
import { estimatesOf } from "../../pipeline/core/estimates.ts";
import { bestOf } from "../../pipeline/core/leaderboard/contest.ts";
import { forecastOf } from "../../pipeline/core/leaderboard/forecast.ts";
import { type WinChances, winChances } from "../../pipeline/core/leaderboard/win-chances.ts";
import { shuffled } from "../../pipeline/core/seed.ts";
import { poissonBinomial } from "../../pipeline/core/statistics/poisson-binomial.ts";
import { sum } from "../../pipeline/core/sum.ts";
import { scoredRun } from "./scored-run.ts";
import {
  answersOf,
  drawAnswers,
  drawProblem,
  kindTruth,
  type ProblemKind,
  passChance,
  type SimulatedProblem,
  scorerOf,
  voteChance,
} from "./simulated-problems.ts";

/** How many runs a simulation has [few]; `npm run bench -- coverage` has many. */
export const coverageRuns = Number(process.env.COVERAGE_RUNS ?? 30);

/** How often intervals held the truth. */
export class Coverage {
  runs = 0;
  held = 0;
  widths = 0;

  add({ low, high }: { low: number; high: number }, truth: number): void {
    this.runs += 1;
    this.widths += high - low;
    if (low - 1e-12 <= truth && truth <= high + 1e-12) this.held += 1;
  }

  get share(): number {
    return this.held / this.runs;
  }

  get meanWidth(): number {
    return this.widths / this.runs;
  }

  merge({ runs, held, widths }: Coverage): this {
    this.runs += runs;
    this.held += held;
    this.widths += widths;
    return this;
  }

  static together(all: readonly Coverage[]): Coverage {
    return all.reduce((total, each) => total.merge(each), new Coverage());
  }
}

/** By name, such as `sampling maj@8`. */
export class Coverages extends Map<string, Coverage> {
  add(name: string, interval: { low: number; high: number }, truth: number): void {
    this.#of(name).add(interval, truth);
  }

  merge(name: string, coverage: Coverage): void {
    this.#of(name).merge(coverage);
  }

  #of(name: string): Coverage {
    const coverage = this.get(name) ?? new Coverage();
    this.set(name, coverage);
    return coverage;
  }
}

/**
 * Accuracies of one candidate, each run another. At a single one the coverage of any interval for a share jumps with the
 * number of problems (Brown, Cai and DasGupta 2001, https://doi.org/10.1214/ss/1009213286), so it is told on average.
 */
export const bands = {
  "1 – 10 %": [0.01, 0.1],
  "10 – 90 %": [0.1, 0.9],
  "90 – 99 %": [0.9, 0.99],
} as const;

export type Band = keyof typeof bands;

const concentrations = [0.5, 1, 3];

export function drawKind(band: Band, random: () => number): ProblemKind {
  const [least, most] = bands[band];
  const concentration = concentrations[Math.floor(random() * concentrations.length)] ?? 1;
  return { mean: least + (most - least) * random(), concentration };
}

interface Simulation {
  band: Band;
  problems: number;
  runs: number;
  random: () => number;
}

/** Of `score`: each run draws its problems, and candidates for each. */
export function scoreCoverage(
  { width, replicates = 1 }: { width: number; replicates?: number },
  { band, problems, runs, random }: Simulation,
): Coverages {
  const coverages = new Coverages();
  const scorer = scorerOf(width);
  for (let run = 0; run < runs; run += 1) {
    const kind = drawKind(band, random);
    const drawn = Array.from({ length: problems }, () => drawProblem(kind, random));
    const scores = drawn.map((problem) => scorer.score(problem, replicates, random));
    const { accuracy, candidateAccuracy, passAt, majAt } = estimatesOf(scores, scorer.sizes, replicates);
    const check = (name: string, estimate: Estimate, k: number, of: "pass" | "vote") => {
      const chance = of === "pass" ? passChance : voteChance;
      const truths = { population: kindTruth(kind, k)[of], sampling: meanOver(drawn, (problem) => chance(problem, k)) };
      for (const interval of estimate.intervals)
        coverages.add(`${interval.kind} ${name}`, interval, truths[interval.kind]);
    };
    check("accuracy", accuracy, width, "vote");
    check("candidate accuracy", candidateAccuracy, 1, "pass");
    for (const [k, estimate] of Object.entries(passAt)) if (k !== "1") check(`pass@${k}`, estimate, Number(k), "pass");
    for (const [k, estimate] of Object.entries(majAt)) {
      if (k !== "1" && Number(k) !== width) check(`maj@${k}`, estimate, Number(k), "vote");
    }
  }
  return coverages;
}

/** What two runs are made of that `compare` puts side by side. `votesOf`: votes of so many of the candidates [all]. */
export interface Paired {
  width: number;
  votesOf?: number;
  replicates?: number;
}

/**
 * Of `compare`: problems have the same chances for both runs, or, three in ten, others, so that many are alike and some are
 * gained or lost. Their kinds differ.
 */
export function differenceCoverage(
  { width, votesOf = width, replicates = 1 }: Paired,
  { band, problems, runs, random }: Simulation,
): Coverages {
  const coverages = new Coverages();
  const scorer = scorerOf(width);
  const observe = (problem: SimulatedProblem) => {
    const score = scorer.score(problem, replicates, random);
    return (votesOf === width ? undefined : score.majAt.get(votesOf)) ?? score.accuracy;
  };
  const others = 0.3;
  for (let run = 0; run < runs; run += 1) {
    const [kindA, kindB] = [drawKind(band, random), drawKind(band, random)];
    const drawn = Array.from({ length: problems }, () => {
      const a = drawProblem(kindA, random);
      return { a, b: random() < others ? drawProblem(kindB, random) : a };
    });
    const pairs = drawn.map(({ a, b }, at) => ({ problemId: `s/${at}`, set: "s", a: observe(a), b: observe(b) }));
    const truths = {
      population: others * (kindTruth(kindB, votesOf).vote - kindTruth(kindA, votesOf).vote),
      sampling: meanOver(drawn, ({ a, b }) => voteChance(b, votesOf) - voteChance(a, votesOf)),
    };
    for (const interval of differenceOf(pairs, random).intervals) {
      coverages.add(nameOf(interval), interval, truths[interval.kind]);
    }
  }
  return coverages;
}

function nameOf({ kind, method }: Interval): string {
  return method.startsWith("BCa") ? "bootstrap" : kind;
}

function meanOver<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return sum(items.map(value)) / items.length;
}

/** How forecasts of competitions bear up, on average over runs; chances are those of scores that are drawn in truth. */
export interface ForecastTrial {
  known: Coverage; // expectedInterval, of the mean score on all problems of the kind
  onTheseProblems: number; // the chance of a score from the 5 % to the 95 % quantile
  onOtherProblems: number; // the chance of a score within `onOtherProblems`
  /** What is told of the parts of the variance and of the luck of twenty submissions, by what they are. */
  problems: { told: number; true: number };
  seeds: { told: number; true: number };
  luck: { told: number; true: number };
}

const competition = 50;

/** Of `leaderboard`: each run draws its problems, and answers of so many replicates and candidates. */
export function forecastTrial(
  { width, replicates }: { width: number; replicates: number },
  { band, problems, runs, random }: Simulation,
): ForecastTrial {
  const zero = () => ({ told: 0, true: 0 });
  const trial = { onTheseProblems: 0, onOtherProblems: 0, problems: zero(), seeds: zero(), luck: zero() };
  const known = new Coverage();
  for (let run = 0; run < runs; run += 1) {
    const kind = drawKind(band, random);
    const drawn = Array.from({ length: problems }, () => drawProblem(kind, random));
    const ballots = (problem: SimulatedProblem) =>
      Array.from({ length: replicates }, () => answers(problem, width, random));
    const answered = Object.fromEntries(drawn.map((problem, at) => [`s/${at}`, ballots(problem)]));
    const { accuracies, chances } = winChances(scoredRun("run", answered));
    const strata = [{ set: "s", count: competition, problemIds: [...chances.keys()] }];
    const told = forecastOf(strata, chances, accuracies);
    const truth = kindTruth(kind, width).vote;
    known.add(told.expectedInterval, competition * truth);

    const trueChances = new Map(drawn.map((problem, at) => [`s/${at}`, voteChance(problem, width)]));
    const real = forecastOf(strata, trueChances);
    trial.onTheseProblems += chanceWithin(real.distribution, told.quantiles[5], told.quantiles[95]) / runs;
    const elsewhere = [...poissonBinomial(Array<number>(competition).fill(truth))];
    trial.onOtherProblems += chanceWithin(elsewhere, told.onOtherProblems.low, told.onOtherProblems.high) / runs;
    trial.problems.told += told.variance.problems / runs;
    trial.problems.true += real.variance.problems / runs;
    trial.seeds.told += told.variance.sampling / runs;
    trial.seeds.true += real.variance.sampling / runs;
    const luck = (of: WinChances) => bestOf(strata, of, [20], { draws: 20, random })[0]?.optimism ?? 0;
    trial.luck.told += luck(chances) / runs;
    trial.luck.true += luck(trueChances) / runs;
  }
  return { known, ...trial };
}

function answers(problem: SimulatedProblem, width: number, random: () => number): (string | undefined)[] {
  const { right, rival } = drawAnswers(problem, width, random);
  return shuffled(answersOf(right, rival, width), random);
}

function chanceWithin(distribution: readonly number[], low: number, high: number): number {
  return sum(distribution.slice(low, high + 1));
}
