import { describe, expect, it } from "vitest";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { type Band, bands, Coverage, coverageRuns, differenceCoverage, type Paired } from "../../helpers/coverage.ts";

/** How often the intervals of `compare` hold the difference, in simulated pairs of runs with known chances. */

const settings: [Paired, problems: number][] = [
  [{ width: 1 }, 90],
  [{ width: 1 }, 721],
  [{ width: 1, replicates: 4 }, 90],
  [{ width: 8 }, 83],
  [{ width: 8 }, 721],
  [{ width: 8, votesOf: 4 }, 90],
];

describe.each(Object.keys(bands) as Band[])("one candidate is right in %s", (band) => {
  it("95 % of intervals hold the difference, more where few problems flip", () => {
    const random = randomStream(21);
    const simulations = settings.map(([paired, problems]) => {
      return differenceCoverage(paired, { band, problems, runs: 2 * coverageRuns, random });
    });
    for (const name of ["population", "sampling"]) {
      const { share, runs } = Coverage.together(simulations.flatMap((coverages) => coverages.get(name) ?? []));
      const error = Math.sqrt((0.05 * 0.95) / runs);
      expect(share, name).toBeGreaterThan(0.935 - 3 * error);
      expect(share, name).toBeLessThan(0.985 + 3 * error);
    }
  });
});

it("the bootstrap is told where enough problems flip, and holds the difference there", () => {
  const random = randomStream(22);
  const simulation = { band: "10 – 90 %", runs: 2 * coverageRuns, random } as const;
  const few = differenceCoverage({ width: 8 }, { ...simulation, band: "90 – 99 %", problems: 60 });
  expect(few.has("bootstrap")).toBe(false);
  const many = differenceCoverage({ width: 1 }, { ...simulation, problems: 300 }).get("bootstrap");
  expect(many?.runs).toBeGreaterThan(coverageRuns);
  expect(many?.share).toBeGreaterThan(0.9);
});
