import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  normalCumulative,
  normalQuantile,
  normalTwoSided,
  regularizedBeta,
  studentTwoSided,
} from "../../../pipeline/core/quantile.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { betaBinomial } from "../../../pipeline/core/statistics/beta-binomial.ts";
import { clusteredInterval } from "../../../pipeline/core/statistics/clustered-interval.ts";
import { holm } from "../../../pipeline/core/statistics/holm.ts";
import { mcNemarExact } from "../../../pipeline/core/statistics/mcnemar.ts";
import { pairedBootstrap } from "../../../pipeline/core/statistics/paired-bootstrap.ts";
import { pairedPermutation } from "../../../pipeline/core/statistics/paired-permutation.ts";
import { poissonBinomial } from "../../../pipeline/core/statistics/poisson-binomial.ts";
import { detectableDifference, neededUnits } from "../../../pipeline/core/statistics/power.ts";
import { tangoInterval } from "../../../pipeline/core/statistics/tango-interval.ts";
import { wilsonInterval } from "../../../pipeline/core/wilson.ts";
import { hasReferenceStatistics, ReferenceStatistics } from "../../helpers/reference-statistics.ts";

const tolerance = 1e-9;
const levels = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];

/** Every combination of one item from each list. */
function grid<Row extends unknown[]>(...lists: { [Place in keyof Row]: readonly Row[Place][] }): Row[] {
  return lists.reduce<unknown[][]>(
    (rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  ) as Row[];
}

describe.skipIf(!hasReferenceStatistics)("agreement with SciPy and statsmodels, to nine digits", () => {
  let reference: ReferenceStatistics;
  const random = randomStream(1);
  beforeAll(() => {
    reference = new ReferenceStatistics();
  });
  afterAll(() => reference.stop());

  /** Compares one function with its counterpart in all cases: each number to 1e-9, relative or absolute. */
  async function expectAgreement<Case extends unknown[]>(
    question: string,
    cases: readonly Case[],
    compute: (...arguments_: Case) => number | readonly number[],
  ): Promise<void> {
    const answers = await reference.ask<number | number[]>(question, cases);
    expect(answers).toHaveLength(cases.length);
    const disagreements = cases.flatMap((arguments_, place) => {
      const [ours, theirs] = [[compute(...arguments_)].flat(), [answers[place] ?? []].flat()];
      const agree = ours.length === theirs.length && theirs.every((value, index) => isClose(ours[index], value));
      return agree ? [] : [{ arguments_, ours, theirs }];
    });
    expect(disagreements).toEqual([]);
  }

  function isClose(ours: number | undefined, theirs: number): boolean {
    return ours !== undefined && Math.abs(ours - theirs) <= tolerance * Math.max(Math.abs(theirs), 1e-3);
  }

  it("normal distribution", async () => {
    const shares = [1e-5, 0.001, 0.025, 0.3, 0.5, 0.7, 0.975, 0.999, 1 - 1e-5];
    await expectAgreement("normal quantile", grid<[number]>(shares), normalQuantile);
    const scores = [-8, -5, -1.96, -0.3, 0, 1e-9, 0.3, 1.96, 5, 8];
    await expectAgreement("normal cumulative", grid<[number]>(scores), normalCumulative);
  });

  it("Student's t", async () => {
    const degrees = [1, 1.3, 2, 3.5, 10, 49, 720, 2163, 1e5];
    await expectAgreement("student two-sided", grid<[number, number]>(levels, degrees), studentTwoSided);
  });

  it("Beta distribution", async () => {
    const parameters = [0.5, 1, 3, 17.5, 721, 5000.5];
    const shares = [1e-6, 0.025, 0.4, 0.5, 0.975, 0.9999];
    const cases = grid<[number, number, number]>(shares, parameters, parameters);
    await expectAgreement("incomplete beta", cases, regularizedBeta);
  });

  it("Wilson's interval of a share", async () => {
    const counts = [1, 2, 7, 50, 721, 5000].flatMap((trials) =>
      [0, 0.01, 0.3, 0.5, 0.9, 1].map((share) => [Math.round(share * trials), trials] as const),
    );
    const cases = counts.flatMap(([successes, trials]) =>
      levels.map((level): [number, number, number] => [successes, trials, level]),
    );
    await expectAgreement("wilson", cases, (successes, trials, level) => {
      const { low, high } = wilsonInterval(successes / trials, trials, normalTwoSided(level));
      return [low, high];
    });
  });

  it("McNemar's exact test, up to thousands of pairs", async () => {
    const counts = [0, 1, 2, 5, 6, 30, 31, 400, 2500, 10_000];
    const cases = grid<[number, number]>(counts, counts);
    await expectAgreement("mcnemar", cases, mcNemarExact);
    const some = cases.filter(([gained, lost]) => gained + lost > 0);
    await expectAgreement("binomial test", some, mcNemarExact);
  });

  it("Holm's adjustment", async () => {
    const family = (size: number) => Array.from({ length: size }, () => random() ** 3);
    await expectAgreement("holm", [[0.5], [0.01, 0.01, 0.04], [1, 0, 0.3], family(20), family(903)], (...pValues) =>
      holm(pValues),
    );
  });

  it("Poisson binomial distribution", async () => {
    const chances = (size: number) => Array.from({ length: size }, () => random());
    const cases = [[0.3], [0, 1, 0.5], chances(10), chances(200)];
    await expectAgreement("poisson binomial", cases, (...each) => [...poissonBinomial(each)]);
  });

  it("beta-binomial distribution", async () => {
    const cases = grid<[number, number, number]>([1, 7, 50, 500], [0.5, 3, 81.5], [0.5, 2.25, 700]);
    await expectAgreement("beta-binomial", cases, (n, a, b) => [...betaBinomial(n, a, b)]);
  });

  it("units that a t test needs, and the difference that it detects", async () => {
    const wanted = grid<[number, number, number]>([0.05, 0.2, 0.5, 1.1], [0.9, 0.95, 0.99], [0.5, 0.8, 0.9]);
    const units = await reference.ask<number>("needed units", wanted);
    wanted.forEach(([difference, level, power], place) => {
      const needed = neededUnits({ difference, standardDeviation: 1, level, power });
      expect(needed, `${[difference, level, power]}`).toBe(Math.ceil(units[place] ?? 0));
    });
    const tests = grid<[number, number, number]>([0.8, 0.95, 0.99], [2, 20, 720, 5000], [0.5, 0.8, 0.95]);
    const detected = tests.map(([level, degrees, power]): [number, number, number] => [
      detectableDifference({ standardError: (degrees + 1) ** -0.5, degrees, level, power }),
      degrees + 1,
      level,
    ]);
    const powers = await reference.ask<number>("power by noncentral F", detected);
    powers.forEach((power, place) => {
      expect(power).toBeCloseTo(tests[place]?.[2] ?? 0, 9);
    });
  });

  it("sign-flip permutation test, exact", async () => {
    const drawn = (size: number, value: () => number) => Array.from({ length: size }, value);
    const cases = [
      [0.5, -0.5],
      [1 / 3, 2 / 3, -1 / 3, 1, 1],
      drawn(12, () => Math.round(random() * 8 - 3) / 8),
      drawn(13, () => Math.round(random() * 48 - 20) / 48),
      drawn(14, () => random() - 0.4),
      [...drawn(8, () => random() - 0.3), 0, 0, 0],
    ];
    await expectAgreement("permutation", cases, (...differences) => {
      const { pValue, method } = pairedPermutation(differences, { random });
      expect(method).toBe("exact");
      return pValue;
    });
  });

  it("mean of clusters, by the general matrix formulas", async () => {
    const clusters = (sizes: readonly number[]) => sizes.map((size) => Array.from({ length: size }, () => random()));
    const cases: [number[][], number][] = [
      [clusters([1, 1, 1, 1, 1]), 0.95],
      [clusters([4, 4, 4, 4, 4, 4, 4]), 0.99],
      [clusters([1, 2, 3, 4, 5]), 0.95],
      [clusters([20, 1, 1, 3]), 0.9],
      [clusters(Array.from({ length: 60 }, (_, place) => 1 + (place % 5))), 0.95],
    ];
    await expectAgreement("clustered", cases, (each, level) => {
      const interval = clusteredInterval(each, level);
      return interval ? [interval.estimate, interval.standardError, interval.degrees, interval.low, interval.high] : [];
    });
  });

  it("Tango's interval, by the likelihood solved numerically", async () => {
    const counts = [
      [0, 0, 10],
      [0, 0, 721],
      [3, 0, 10],
      [0, 3, 200],
      [2, 12, 44],
      [9, 7, 50],
      [60, 21, 721],
      [4, 6, 10],
      [400, 321, 721],
    ] as const;
    const cases = counts.flatMap((each) =>
      [0.8, 0.95, 0.99].map((level): [number, number, number, number] => [...each, level]),
    );
    await expectAgreement("tango", cases, (gained, lost, n, level) => {
      const { low, high } = tangoInterval({ gained, lost, n }, level);
      return [low, high];
    });
  });

  // SciPy draws its resamples: 100,000 of them leave its ends uncertain by about a hundredth of the interval's width.
  it("BCa bootstrap, in distribution", async () => {
    const values = (size: number, value: () => number) => Array.from({ length: size }, value);
    const pick = (...choices: number[]) => choices[Math.floor(random() * choices.length)] ?? 0;
    const cases: number[][] = [
      values(400, () => pick(-1, 0, 0, 0, 0, 1, 1)),
      values(120, () => pick(-1, -0.75, -0.25, 0, 0, 0.5, 1)),
      values(90, () => random() ** 6), // skewed
      values(25, () => Math.exp(2 * random())),
    ];
    const theirs = await reference.ask<[number, number]>(
      "bootstrap",
      cases.map((differences) => [differences, 0.95, 1]),
    );
    cases.forEach((differences, place) => {
      const ours = pairedBootstrap(differences, { random, resamples: 100_000 });
      const [low, high] = theirs[place] ?? [];
      const width = (high ?? 0) - (low ?? 0);
      expect(Math.abs((ours?.low ?? 0) - (low ?? 0)) / width).toBeLessThan(0.025);
      expect(Math.abs((ours?.high ?? 0) - (high ?? 0)) / width).toBeLessThan(0.025);
    });
  });
});
