import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShorterCandidate } from "../../../pipeline/core/simulation/shorter-candidate.ts";
import {
  type Forecast,
  forecastsOf,
  frontierOf,
  type Setting,
  type SimulatedProblem,
} from "../../../pipeline/core/simulation/simulate.ts";
import { creditOf, type VoteOptions, vote } from "../../../pipeline/core/vote.ts";
import { subsets } from "../../helpers/subsets.ts";

const rule: VoteOptions = { ties: "first-seen", fallback: null };
const setting: Setting = {
  ...{ depth: 2, widths: [1, 2, 4], vote: rule, earlyStop: undefined, afterAnswer: "stop", budget: undefined },
};

/** A candidate of one turn. */
function candidateOf(candidate: number, answer: string | undefined, milliseconds: number): ShorterCandidate {
  const ballot = answer === undefined ? {} : { answer };
  const tokens = 10 * milliseconds;
  return { candidate, turns: 1, tokens, milliseconds, marks: [{ milliseconds, tokens, ...ballot }], ...ballot };
}

const candidates = fc
  .array(fc.tuple(fc.constantFrom("1", "2", "3", undefined), fc.integer({ min: 1, max: 50 })), {
    ...{ minLength: 4, maxLength: 4 },
  })
  .map((all) => all.map(([answer, milliseconds], at) => candidateOf(at, answer, milliseconds)));
const problems = fc
  .array(candidates, { minLength: 1, maxLength: 6 })
  .map((all) => all.map((one, at): SimulatedProblem => ({ problemId: `s/${at}`, expected: "1", replicates: [one] })));

const check = (property: (of: SimulatedProblem[]) => void) =>
  fc.assert(fc.property(problems, property), { numRuns: 40 });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const voteOf = (voters: readonly ShorterCandidate[]) => creditOf(vote(voters, rule).answer, "1", voters, rule);

describe("a simulation of fewer candidates", () => {
  it("equals brute force over all subsets", () => {
    check((of) => {
      for (const { width, accuracy, tokensPerProblem } of forecastsOf(of, setting)) {
        const chosen = of.map(({ replicates: [all = []] }) =>
          subsets(4, width).map((subset) => subset.flatMap((at) => all[at] ?? [])),
        );
        expect(accuracy.estimate).toBeCloseTo(mean(chosen.map((each) => mean(each.map(voteOf)))), 9);
        const tokens = (voters: ShorterCandidate[]) => voters.reduce((sum, voter) => sum + voter.tokens, 0);
        expect(tokensPerProblem.mean).toBeCloseTo(mean(chosen.map((each) => mean(each.map(tokens)))), 6);
      }
    });
  });

  it("tells as gain what accuracies differ by, with an interval around it", () => {
    check((of) => {
      const forecasts = forecastsOf(of, setting);
      for (const [at, { gain, accuracy }] of forecasts.entries()) {
        if (at === 0) expect(gain).toBeUndefined();
        if (gain === undefined) continue;
        expect(gain.mean).toBeCloseTo(accuracy.estimate - (forecasts[at - 1]?.accuracy.estimate ?? 0), 9);
        expect(gain.low).toBeLessThanOrEqual(gain.mean + 1e-9);
        expect(gain.high).toBeGreaterThanOrEqual(gain.mean - 1e-9);
      }
    });
  });

  it("does not depend on the order of problems", () => {
    check((of) => {
      const [forward, backward] = [forecastsOf(of, setting), forecastsOf(of.toReversed(), setting)];
      for (const [at, { accuracy, tokensPerProblem }] of forward.entries()) {
        expect(backward[at]?.accuracy.estimate).toBeCloseTo(accuracy.estimate, 12);
        expect(backward[at]?.tokensPerProblem.mean).toBeCloseTo(tokensPerProblem.mean, 9);
      }
    });
  });

  it("with a budget that nobody reaches is the whole run, and with a smaller one costs less", () => {
    check((of) => {
      const whole = forecastsOf(of, { ...setting, widths: [4] })[0];
      const unreached = forecastsOf(of, { ...setting, widths: [4], budget: 1000 })[0];
      expect(unreached?.accuracy.estimate).toBeCloseTo(whole?.accuracy.estimate ?? Number.NaN, 12);
      expect(unreached?.tokensPerProblem.mean).toBeCloseTo(whole?.tokensPerProblem.mean ?? Number.NaN, 9);
      let before = 0;
      for (const budget of [5, 20, 35, 50]) {
        const [forecast] = forecastsOf(of, { ...setting, widths: [4], budget });
        expect(forecast?.tokensPerProblem.mean).toBeGreaterThanOrEqual(before - 1e-9);
        expect(forecast?.millisecondsPerProblem.mean).toBeLessThanOrEqual(budget);
        before = forecast?.tokensPerProblem.mean ?? 0;
      }
      expect(before).toBeCloseTo(whole?.tokensPerProblem.mean ?? Number.NaN, 9);
    });
  });

  it("with a certain early stop has the same accuracy at full width, for no more tokens", () => {
    check((of) => {
      const [whole] = forecastsOf(of, { ...setting, widths: [4] });
      const [stopped] = forecastsOf(of, { ...setting, widths: [4], earlyStop: 1 });
      expect(stopped?.accuracy.estimate).toBeCloseTo(whole?.accuracy.estimate ?? Number.NaN, 12);
      expect(stopped?.tokensPerProblem.mean).toBeLessThanOrEqual((whole?.tokensPerProblem.mean ?? 0) + 1e-9);
    });
  });
});

it("the frontier holds what no other setting beats in both tokens and accuracy, and nothing else", () => {
  const point = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 10 }));
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 12 }), (points) => {
      const forecasts = points.map(([tokens, accuracy]) => {
        return { accuracy: { estimate: accuracy / 10 }, tokensPerProblem: { mean: tokens } } as Forecast;
      });
      const frontier = frontierOf(forecasts);
      const beats = (a: Forecast, b: Forecast) =>
        a.tokensPerProblem.mean <= b.tokensPerProblem.mean &&
        a.accuracy.estimate >= b.accuracy.estimate &&
        (a.tokensPerProblem.mean < b.tokensPerProblem.mean || a.accuracy.estimate > b.accuracy.estimate);
      for (const one of frontier) expect(forecasts.some((other) => beats(other, one))).toBe(false);
      for (const one of forecasts) {
        const equal = frontier.some(
          (other) =>
            other.tokensPerProblem.mean === one.tokensPerProblem.mean &&
            other.accuracy.estimate === one.accuracy.estimate,
        );
        if (!equal) expect(forecasts.some((other) => beats(other, one))).toBe(true);
      }
    }),
  );
});
