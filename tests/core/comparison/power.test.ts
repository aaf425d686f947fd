import { describe, expect, it } from "vitest";
import { outlookOf } from "../../../pipeline/core/comparison/outlook.ts";
import { pairedInterval } from "../../../pipeline/core/paired-interval.ts";
import { normalCumulative } from "../../../pipeline/core/quantile.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { mcNemarExact } from "../../../pipeline/core/statistics/mcnemar.ts";
import { wilsonInterval } from "../../../pipeline/core/wilson.ts";
import { hasDataFolder } from "../../helpers/data-folder.ts";
import { levelFiveVerdicts, pairedVerdicts, pairsOf } from "../../helpers/recorded-runs.ts";

/** What pairing by problem brings, and whether the differences that are said to be detectable are detected. */

interface Flips {
  gained: number;
  lost: number;
  n: number;
}

const differencesOf = ({ gained, lost, n }: Flips) => [
  ...Array<number>(gained).fill(1),
  ...Array<number>(lost).fill(-1),
  ...Array<number>(n - gained - lost).fill(0),
];

describe.skipIf(!hasDataFolder)("903 pairs of models on MATH level 5", () => {
  const pairs = pairsOf([...levelFiveVerdicts().values()]).map(([a, b]) => {
    const verdicts = pairedVerdicts(a, b);
    const n = verdicts.length;
    const shareA = verdicts.reduce((sum, [ofA]) => sum + ofA, 0) / n;
    const shareB = verdicts.reduce((sum, [, ofB]) => sum + ofB, 0) / n;
    const flips = {
      gained: verdicts.filter(([ofA, ofB]) => ofB > ofA).length,
      lost: verdicts.filter(([ofA, ofB]) => ofB < ofA).length,
    };
    return {
      difference: Math.abs(shareB - shareA),
      paired: mcNemarExact(flips.gained, flips.lost) < 0.05,
      unpaired: unpairedPValue(shareA, shareB, n) < 0.05,
      widthRatio: widthOf(pairedInterval(differencesOf({ ...flips, n }))) / unpairedWidth(shareA, shareB, n),
    };
  });

  // The table of docs/compare.md.
  it.each([
    { from: 0, to: 0.02, pairs: 58, paired: 0, unpaired: 0, width: 0.78 },
    { from: 0.02, to: 0.05, pairs: 88, paired: 37, unpaired: 13, width: 0.79 },
    { from: 0.05, to: 0.1, pairs: 121, paired: 120, unpaired: 118, width: 0.79 },
    { from: 0.1, to: 1, pairs: 636, paired: 636, unpaired: 636, width: 0.85 },
  ])(
    "differing by $from to $to: the paired test finds no fewer, its intervals are narrower",
    ({ from, to, ...told }) => {
      const within = pairs.filter(({ difference }) => difference >= from && difference < to);
      const ratios = within.reduce((sum, { widthRatio }) => sum + widthRatio, 0) / within.length;
      expect({
        pairs: within.length,
        paired: within.filter(({ paired }) => paired).length,
        unpaired: within.filter(({ unpaired }) => unpaired).length,
        width: Number(ratios.toFixed(2)),
      }).toEqual(told);
    },
  );

  it("no pair is found by the unpaired test alone", () => {
    expect(pairs).toHaveLength(903);
    expect(pairs.filter(({ paired, unpaired }) => unpaired && !paired)).toEqual([]);
  });
});

/** Of the z test of two shares with a pooled variance, as if both had been seen on problems of their own. */
function unpairedPValue(a: number, b: number, n: number): number {
  const pooled = (a + b) / 2;
  return 2 * (1 - normalCumulative(Math.abs(b - a) / Math.sqrt((2 * pooled * (1 - pooled)) / n)));
}

/** Of Newcombe's interval for such a difference (1998, method 10). */
function unpairedWidth(a: number, b: number, n: number): number {
  const [ofA, ofB] = [wilsonInterval(a, n), wilsonInterval(b, n)];
  return Math.hypot(b - ofB.low, ofA.high - a) + Math.hypot(ofB.high - b, a - ofA.low);
}

const widthOf = ({ low, high }: { low: number; high: number }) => high - low;

describe("what a comparison could have seen", () => {
  const runs = 2000;

  /** How often McNemar's exact test finds a true difference, where so many problems of a hundred flip. */
  function power(n: number, difference: number, flipping: number): number {
    const random = randomStream(n);
    let found = 0;
    for (let run = 0; run < runs; run += 1) {
      const flips = { gained: 0, lost: 0 };
      for (let problem = 0; problem < n; problem += 1) {
        const draw = random();
        if (draw < (flipping + difference) / 2) flips.gained += 1;
        else if (draw < flipping) flips.lost += 1;
      }
      if (mcNemarExact(flips.gained, flips.lost) < 0.05) found += 1;
    }
    return found / runs;
  }

  const observations = (flips: Flips) =>
    differencesOf(flips).map((difference, at) => {
      const [a, b] = [difference < 0 ? 1 : 0, difference > 0 ? 1 : 0];
      return { problemId: `s/${at}`, set: "s", a: { value: a, trials: 1 }, b: { value: b, trials: 1 } };
    });

  it.each([
    { n: 90, flipping: 0.3 },
    { n: 300, flipping: 0.2 },
    { n: 721, flipping: 0.3 },
  ])("a difference that is called detectable is found four times of five: $n problems", ({ n, flipping }) => {
    const even = Math.round((n * flipping) / 2);
    const { detectable } = outlookOf(observations({ gained: even, lost: even, n }), 1);
    const share = power(n, detectable ?? 0, flipping);
    expect(share).toBeGreaterThan(0.72); // the exact test has less than the t test, which the forecast is of
    expect(share).toBeLessThan(0.88);
  });

  it.each([
    { n: 90, gained: 18, lost: 9 },
    { n: 721, gained: 100, lost: 80 },
  ])(
    "with as many problems as are said to be needed, so is the difference seen: $n problems",
    ({ n, gained, lost }) => {
      const { problemsNeeded } = outlookOf(observations({ gained, lost, n }), 1);
      const share = power(problemsNeeded ?? 0, (gained - lost) / n, (gained + lost) / n);
      expect(share).toBeGreaterThan(0.72);
      expect(share).toBeLessThan(0.88);
    },
  );

  it("needs six flips one way at least, however few problems flip", () => {
    const { detectable, problemsNeeded } = outlookOf(observations({ gained: 1, lost: 0, n: 50 }), 1);
    expect(detectable).toBeGreaterThanOrEqual(6 / 50);
    expect(problemsNeeded).toBeGreaterThanOrEqual(300);
  });
});
