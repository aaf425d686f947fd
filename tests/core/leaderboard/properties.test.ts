import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestOf } from "../../../pipeline/core/leaderboard/contest.ts";
import { duelOf, forecastOf } from "../../../pipeline/core/leaderboard/forecast.ts";
import { leaderboardOf } from "../../../pipeline/core/leaderboard/leaderboard.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { scoredRun } from "../../helpers/scored-run.ts";

const chance = fc.double({ min: 0, max: 1, noNaN: true });
const someChances = fc.array(chance, { minLength: 1, maxLength: 8 });
const named = (values: readonly number[]) => new Map(values.map((value, at) => [`s/${at}`, value]));
const strata = (values: readonly number[], count: number) => [
  { set: "s", count, problemIds: values.map((_, at) => `s/${at}`) },
];
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("a forecast", () => {
  it("does not depend on the order of problems, or on how often each is listed, but for how well it is known", () => {
    fc.assert(
      fc.property(someChances, fc.integer({ min: 1, max: 30 }), (values, count) => {
        const forecast = forecastOf(strata(values, count), named(values));
        const twice = [...values.toReversed(), ...values];
        const other = forecastOf(strata(twice, count), named(twice));
        expect(other.expected).toBeCloseTo(forecast.expected, 9);
        expect(other.variance.sampling).toBeCloseTo(forecast.variance.sampling, 9);
        expect(other.variance.problems).toBeCloseTo(forecast.variance.problems, 9);
        const widthOf = ({ low, high }: { low: number; high: number }) => high - low;
        expect(widthOf(other.expectedInterval)).toBeLessThan(widthOf(forecast.expectedInterval));
      }),
    );
  });

  it("adds up over sets, and its parts to its variance", () => {
    fc.assert(
      fc.property(someChances, someChances, (first, second) => {
        const [a, b] = [strata(first, 7), strata(second, 5)];
        const both = [
          ...a,
          ...b.map((stratum) => ({ ...stratum, set: "t", problemIds: second.map((_, at) => `t/${at}`) })),
        ];
        const chances = new Map([...named(first), ...second.map((value, at): [string, number] => [`t/${at}`, value])]);
        const forecast = forecastOf(both, chances);
        const [ofA, ofB] = [forecastOf(a, named(first)), forecastOf(b, named(second))];
        expect(forecast.expected).toBeCloseTo(ofA.expected + ofB.expected, 9);
        expect(forecast.variance.sampling).toBeCloseTo(ofA.variance.sampling + ofB.variance.sampling, 9);
        expect(forecast.standardDeviation ** 2).toBeCloseTo(forecast.variance.sampling + forecast.variance.problems, 9);
        expect(sum(forecast.distribution)).toBeCloseTo(1, 9);
      }),
    );
  });

  it("rises with any chance, also where it is told for other problems, which are less well known", () => {
    fc.assert(
      fc.property(someChances, fc.double({ min: 0, max: 1, noNaN: true }), (values, rise) => {
        const better = values.with(0, (values[0] ?? 0) + (1 - (values[0] ?? 0)) * rise);
        const [before, after] = [values, better].map((each) => forecastOf(strata(each, 50), named(each)));
        if (!before || !after) throw new Error("no forecast");
        expect(after.expected).toBeGreaterThanOrEqual(before.expected - 1e-9);
        expect(after.quantiles[50]).toBeGreaterThanOrEqual(before.quantiles[50]);
        for (const { quantiles, onOtherProblems } of [before, after]) {
          expect(onOtherProblems.high - onOtherProblems.low).toBeGreaterThanOrEqual(quantiles[95] - quantiles[5]);
        }
      }),
    );
  });
});

describe("a duel", () => {
  it("equals brute force over all draws and outcomes of two problems", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(chance, chance), { minLength: 1, maxLength: 3 }), (pairs) => {
        const [a, b] = [pairs.map(([ofA]) => ofA), pairs.map(([, ofB]) => ofB)];
        let [wins, ties] = [0, 0];
        for (const first of pairs) {
          for (const second of pairs) {
            for (let outcome = 0; outcome < 16; outcome += 1) {
              const [a1, b1, a2, b2] = [0, 1, 2, 3].map((bit) => (outcome >> bit) & 1) as [
                number,
                number,
                number,
                number,
              ];
              const likely = (p: number, right: number) => (right === 1 ? p : 1 - p);
              const weight =
                likely(first[0], a1) * likely(first[1], b1) * likely(second[0], a2) * likely(second[1], b2);
              const lead = b1 + b2 - a1 - a2;
              if (lead > 0) wins += weight / pairs.length ** 2;
              if (lead === 0) ties += weight / pairs.length ** 2;
            }
          }
        }
        const duel = duelOf(strata(a, 2), named(a), named(b));
        expect(duel.wins).toBeCloseTo(wins, 9);
        expect(duel.ties).toBeCloseTo(ties, 9);
      }),
    );
  });

  it("mirrors, and a better run wins more", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(chance, chance), { minLength: 1, maxLength: 8 }), (pairs) => {
        const [a, b] = [pairs.map(([ofA]) => ofA), pairs.map(([, ofB]) => ofB)];
        const competition = strata(a, 20);
        const [duel, mirrored] = [duelOf(competition, named(a), named(b)), duelOf(competition, named(b), named(a))];
        expect(mirrored.wins).toBeCloseTo(duel.losses, 9);
        expect(mirrored.losses).toBeCloseTo(duel.wins, 9);
        const better = duelOf(competition, named(a), named(b.with(0, 1)));
        expect(better.wins).toBeGreaterThanOrEqual(duel.wins - 1e-9);
      }),
    );
  });
});

describe("the best of several submissions", () => {
  it("of one problem that is solved with the chance p, is solved with 1 - (1 - p)^k", () => {
    fc.assert(
      fc.property(chance, fc.integer({ min: 1, max: 50 }), (p, k) => {
        const [best] = bestOf(strata([p], 1), named([p]), [k], { draws: 1, random: randomStream(1) });
        expect(best?.publicScore).toBeCloseTo(1 - (1 - p) ** k, 9);
        expect(best?.optimism).toBeCloseTo(1 - (1 - p) ** k - p, 9);
      }),
    );
  });

  it("rises with their number", () => {
    fc.assert(
      fc.property(someChances, (values) => {
        const options = { draws: 5, random: randomStream(2) };
        const best = bestOf(strata(values, 10), named(values), [1, 2, 5, 20], options);
        for (const [at, { publicScore }] of best.slice(1).entries()) {
          expect(publicScore).toBeGreaterThanOrEqual((best[at]?.publicScore ?? 0) - 1e-9);
        }
      }),
    );
  });
});

it("a leaderboard does not depend on the order in which runs list their problems", () => {
  const run = (name: string, shift: number) => {
    const answers = Array.from({ length: 12 }, (_, at) => [
      `s/p${at}`,
      [["1", (at + shift) % 3 === 0 ? "1" : "2", at % 2 === 0 ? "1" : undefined]],
    ]);
    return scoredRun(name, Object.fromEntries(answers));
  };
  const runs = [run("a", 0), run("b", 1)];
  const options = { problems: 20, mixture: undefined, submissions: 3, draws: 200, seed: 1 };
  const { runs: told, duels } = leaderboardOf(runs, options);
  const reversed = leaderboardOf(
    runs.map((each) => ({ ...each, problems: each.problems.toReversed() })),
    options,
  );
  for (const [at, { expected, expectedInterval, onOtherProblems, variance }] of told.entries()) {
    expect(reversed.runs[at]?.expected).toBeCloseTo(expected, 9);
    expect(reversed.runs[at]?.expectedInterval.low).toBeCloseTo(expectedInterval.low, 9);
    expect(reversed.runs[at]?.onOtherProblems).toEqual(onOtherProblems);
    expect(reversed.runs[at]?.variance.sampling).toBeCloseTo(variance.sampling, 9);
  }
  expect(reversed.duels[0]?.wins).toBeCloseTo(duels[0]?.wins ?? Number.NaN, 9);
});
