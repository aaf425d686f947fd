import { describe, expect, it } from "vitest";
import { competitionOf, readMixture } from "../../../pipeline/core/leaderboard/competition.ts";
import { bestOf, contestOf } from "../../../pipeline/core/leaderboard/contest.ts";
import { duelOf, forecastOf } from "../../../pipeline/core/leaderboard/forecast.ts";
import { leaderboardOf } from "../../../pipeline/core/leaderboard/leaderboard.ts";
import { winChances } from "../../../pipeline/core/leaderboard/win-chances.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { scoredRun, verdictRun } from "../../helpers/scored-run.ts";

const ids = ["s/a", "s/b", "t/c"];
const chances = (...values: number[]) => new Map(ids.map((id, at) => [id, values[at] ?? 0]));
const all = (count: number) => [{ set: "all", count, problemIds: ids }];
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("a competition", () => {
  const pool = [
    { problemId: "amc/1", set: "amc" },
    { problemId: "aime/1", set: "aime" },
    { problemId: "aime/2", set: "aime" },
  ];

  it("takes any problem, or so many of each set by largest remainders", () => {
    expect(competitionOf(pool, 50, undefined)).toEqual([
      { set: "all", count: 50, problemIds: ["amc/1", "aime/1", "aime/2"] },
    ]);
    const thirds = competitionOf(pool, 50, readMixture("amc=1, aime=2"));
    expect(thirds.map(({ set, count }) => [set, count])).toEqual([
      ["amc", 17],
      ["aime", 33],
    ]);
    expect(sum(competitionOf(pool, 7, readMixture("amc=.5,aime=.5")).map(({ count }) => count))).toBe(7);
  });

  it("refuses a mixture that is none, or of sets that are not there", () => {
    for (const text of ["amc", "amc=", "amc=-1", "amc=0", "amc=.5,amc=.5", "", "=1"]) {
      expect(() => readMixture(text), text).toThrow(/is no share of a set/u);
    }
    expect(() => competitionOf(pool, 50, readMixture("math=1"))).toThrow(/names math/u);
  });
});

describe("a forecast", () => {
  it("equals brute force over all draws and outcomes of two problems", () => {
    const p = [0.9, 0.5, 0.1];
    const byScore = [0, 0, 0];
    for (const first of p) {
      for (const second of p) {
        const ways = [(1 - first) * (1 - second), first * (1 - second) + (1 - first) * second, first * second];
        for (const [score, chance] of ways.entries()) byScore[score] = (byScore[score] ?? 0) + chance / 9;
      }
    }
    const { distribution, expected, variance, standardDeviation } = forecastOf(all(2), chances(...p));
    for (const [score, chance] of byScore.entries()) expect(distribution[score]).toBeCloseTo(chance, 12);
    expect(expected).toBeCloseTo(1, 12);
    // Of one problem: mean(p(1 - p)) = (0.09 + 0.25 + 0.09) / 3, var(p) = 0.32 / 3.
    expect(variance.sampling).toBeCloseTo((2 * 0.43) / 3, 12);
    expect(variance.problems).toBeCloseTo((2 * 0.32) / 3, 12);
    expect(standardDeviation ** 2).toBeCloseTo(variance.sampling + variance.problems, 12);
  });

  it("has the quantiles of its distribution, and an interval around what is expected", () => {
    const { quantiles, distribution, expectedInterval, expected } = forecastOf(all(50), chances(1, 0.5, 0));
    expect(sum(distribution)).toBeCloseTo(1, 12);
    expect(quantiles[50]).toBe(25);
    expect(sum(distribution.slice(0, quantiles[5]))).toBeLessThan(0.05);
    expect(sum(distribution.slice(0, quantiles[5] + 1))).toBeGreaterThanOrEqual(0.05);
    expect(expectedInterval.low).toBeLessThan(expected);
    expect(expectedInterval.high).toBeGreaterThan(expected);
  });
});

describe("a duel", () => {
  it("is decided by the problems that one run solves and the other does not", () => {
    const duel = duelOf(all(1), chances(1, 0, 0.5), chances(0, 0, 1));
    expect(duel.wins).toBeCloseTo(0.5 / 3, 12);
    expect(duel.losses).toBeCloseTo(1 / 3, 12);
    expect(duel.wins + duel.ties + duel.losses).toBeCloseTo(1, 12);
    const even = duelOf(all(30), chances(0.3, 0.6, 0.9), chances(0.3, 0.6, 0.9));
    expect(even.wins).toBeCloseTo(even.losses, 12);
  });
});

describe("drawn competitions", () => {
  it("agree with the exact duel, and give each place once", () => {
    const [a, b] = [chances(0.4, 0.5, 0.9), chances(0.6, 0.5, 0.8)];
    const exact = duelOf(all(20), a, b);
    const { places } = contestOf(all(20), [a, b], { draws: 20_000, random: randomStream(1) });
    expect(places[1]?.[0]).toBeCloseTo(exact.wins + exact.ties / 2, 1.7);
    for (const ofRun of places) expect(sum(ofRun)).toBeCloseTo(1, 9);
  });

  it("show more luck the more submissions there are, and none where the model is certain", () => {
    const options = { draws: 300, random: randomStream(2) };
    const best = bestOf(all(50), chances(0.5, 0.5, 0.5), [1, 5, 20], options);
    expect(best.map(({ optimism }) => optimism)[0]).toBeCloseTo(0, 9);
    // The largest of 20 binomial scores is about 1.87 standard deviations of √12.5 above the mean.
    expect(best[2]?.optimism).toBeCloseTo(1.87 * Math.sqrt(12.5), 0);
    expect(best[1]?.optimism).toBeLessThan(best[2]?.optimism ?? 0);
    const certain = bestOf(all(50), chances(1, 0, 1), [1, 100], options);
    for (const { optimism } of certain) expect(optimism).toBeCloseTo(0, 9);
  });
});

describe("the chance to solve a problem", () => {
  it("is the share of replicates, and by set has the mean of the verdicts where there is one replicate", () => {
    const replicated = scoredRun("a", { "s/p": [["1"], ["1"], ["0"]], "s/q": [["0"], ["0"], ["0"]] });
    const { accuracies, chances: ofReplicates } = winChances(replicated);
    expect([...accuracies.values()]).toEqual([2 / 3, 0]);
    expect(sum([...ofReplicates.values()])).toBeCloseTo(2 / 3, 12);
    const answers = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`s/p${at}`, [["1", "1", at % 4 === 0 ? "1" : "0", "0"]]]),
    );
    const { chances: ofSingle, knowsSampling } = winChances(scoredRun("a", answers));
    const values = [...ofSingle.values()];
    expect(knowsSampling).toBe(true);
    expect(sum(values) / values.length).toBeCloseTo(1 - 0.5 / 40, 6); // all verdicts are right: half a problem short of it
    expect(Math.max(...values)).toBeLessThan(1);
  });

  it("leaves seeds out of account where a run has one candidate per problem", () => {
    const { chances: ofVerdicts, knowsSampling } = winChances(verdictRun("a", "0110"));
    expect(knowsSampling).toBe(false);
    expect([...ofVerdicts.values()]).toEqual([0, 1, 1, 0]);
  });
});

describe("a leaderboard", () => {
  const options = { problems: 50, mixture: undefined, submissions: 4, draws: 500, seed: 1 };

  it("is the same for the same artifacts, and of problems that all runs share", () => {
    const runs = [verdictRun("a", "0111"), verdictRun("b", "0101")];
    const leaderboard = leaderboardOf(runs, options);
    expect(leaderboardOf(runs, options)).toEqual(leaderboard);
    expect(leaderboard.competition).toEqual([{ set: "all", count: 50, drawnFrom: 4 }]);
    expect(leaderboard.runs.map(({ expected }) => expected)).toEqual([37.5, 25]);
    expect(leaderboard.runs[0]?.best.map(({ submissions }) => submissions)).toEqual([1, 2, 3, 4]);
    expect(leaderboard.contest?.choice.bestChosen).toBeGreaterThan(0.9);
    expect(JSON.stringify(leaderboard)).not.toContain("null");
  });

  it("needs a problem that all runs share", () => {
    expect(() => leaderboardOf([verdictRun("a", "01", "s"), verdictRun("b", "01", "t")], options)).toThrow(
      /no problem in common/u,
    );
  });
});
