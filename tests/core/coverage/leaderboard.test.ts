import { expect, it } from "vitest";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { type Band, bands, Coverage, coverageRuns, type ForecastTrial, forecastTrial } from "../../helpers/coverage.ts";

/** How forecasts of competitions bear up against competitions that are drawn from problems of known chances. */

const random = randomStream(31);

function trials(width: number, replicates: number): ForecastTrial[] {
  return (Object.keys(bands) as Band[]).map((band) =>
    forecastTrial({ width, replicates }, { band, problems: 90, runs: coverageRuns, random }),
  );
}

const total = (all: readonly ForecastTrial[], part: (trial: ForecastTrial) => number) =>
  all.reduce((sum, trial) => sum + part(trial), 0);

it.each([
  { name: "single candidates", width: 1, replicates: 1, knowsSampling: false },
  { name: "four replicates of one candidate", width: 1, replicates: 4, knowsSampling: true },
  { name: "votes of 8", width: 8, replicates: 1, knowsSampling: true },
])(
  "$name: the mean is known as said, nine of ten scores lie where they should",
  ({ width, replicates, knowsSampling }) => {
    const all = trials(width, replicates);
    const { share, runs: seen } = Coverage.together(all.map(({ known }) => known));
    const error = Math.sqrt((0.05 * 0.95) / seen);
    expect(share).toBeGreaterThan(0.935 - 3 * error);
    // Scores are whole, so quantiles hold more than their shares, the more the nearer to none or all.
    for (const within of ["onTheseProblems", "onOtherProblems"] as const) {
      const average = total(all, (trial) => trial[within]) / all.length;
      expect(average, within).toBeGreaterThan(0.89);
      expect(average, within).toBeLessThan(0.975);
    }
    if (!knowsSampling) {
      expect(total(all, ({ seeds }) => seeds.told)).toBeCloseTo(0, 12);
      return;
    }
    for (const part of ["problems", "seeds", "luck"] as const) {
      const ratio = total(all, (trial) => trial[part].told) / total(all, (trial) => trial[part].true);
      expect(ratio, part).toBeGreaterThan(0.85);
      expect(ratio, part).toBeLessThan(1.15);
    }
  },
);
