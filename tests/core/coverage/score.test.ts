import { describe, expect, it } from "vitest";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { type Band, bands, type Coverage, Coverages, coverageRuns, scoreCoverage } from "../../helpers/coverage.ts";

/**
 * How often the intervals of `score` hold the truth, in simulated runs of known chances. Seeds are fixed, so that a test
 * always passes or never does. `npm run bench -- coverage` has more runs and tells each figure.
 */

const widths = [1, 8, 48];
const sizes = [83, 90, 721];

/** 93.5 to 96.5 % is aimed at; three standard errors of so few runs are let pass, and what is told in docs/statistics.md. */
function expectShare({ share, runs }: Coverage, name: string, most = 0.965): void {
  const error = Math.sqrt((0.05 * 0.95) / runs);
  expect(share, name).toBeGreaterThan(0.935 - 3 * error);
  expect(share, name).toBeLessThan(most + 3 * error);
}

function together(parts: readonly Coverages[]): Coverages {
  const all = new Coverages();
  for (const [name, coverage] of parts.flatMap((part) => [...part])) all.merge(name.replace(/\d+/u, "k"), coverage);
  return all;
}

describe.each(Object.keys(bands) as Band[])("one candidate is right in %s", (band) => {
  it("95 % of intervals hold the truth, over widths and numbers of problems", () => {
    const random = randomStream(11);
    const coverages = together(
      widths.flatMap((width) =>
        sizes.map((problems) => scoreCoverage({ width }, { band, problems, runs: coverageRuns, random })),
      ),
    );
    expect([...coverages.keys()].toSorted()).toEqual([
      ...["population accuracy", "population candidate accuracy", "population maj@k", "population pass@k"],
      ...["sampling accuracy", "sampling candidate accuracy", "sampling maj@k", "sampling pass@k"],
    ]);
    for (const [name, coverage] of coverages) {
      // Votes of many candidates are decided but for a few problems, whose variance is hard to know.
      expectShare(coverage, name, /^sampling (?:accuracy|maj)/u.test(name) ? 0.98 : undefined);
    }
  });
});

it("with three replicates, whose differences tell the variance over seeds", () => {
  const random = randomStream(12);
  const simulation = { band: "10 – 90 %", problems: 25, runs: 2 * coverageRuns, random } as const;
  const coverages = together([1, 8].map((width) => scoreCoverage({ width, replicates: 3 }, simulation)));
  for (const [name, coverage] of coverages) expectShare(coverage, name, 0.98);
});
