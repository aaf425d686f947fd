import { stringify } from "csv-stringify/sync";
import type { Contest } from "../core/leaderboard/contest.ts";
import type { Leaderboard } from "../core/leaderboard/leaderboard.ts";
import { table } from "./output.ts";

/** A forecast for people: the competition, scores, the best of several submissions, duels and places. */
export function leaderboardPage(leaderboard: Leaderboard): string {
  const { runs, duels, contest } = leaderboard;
  const blind = runs.filter(({ knowsSampling }) => !knowsSampling).map(({ name }) => name);
  return [
    competition(leaderboard),
    scores(leaderboard),
    submissions(leaderboard),
    ...(duels.length > 0 ? [pairs(duels)] : []),
    ...(contest === null ? [] : [places(leaderboard, contest), choice(contest)]),
    ...(blind.length === 0
      ? []
      : [
          `note: ${blind.join(", ")}: one candidate per problem, so what other seeds would do is not known and left out.`,
        ]),
    legend,
  ].join("\n\n");
}

/** One line per run. */
export function leaderboardCsv({ problems, runs, contest }: Leaderboard): string {
  const rows = runs.map((run, at) => ({
    ...{ run: run.name, problems, expected: run.expected },
    ...{ expectedLow: run.expectedInterval.low, expectedHigh: run.expectedInterval.high },
    ...{ standardDeviation: run.standardDeviation, problemVariance: run.variance.problems },
    ...{ samplingVariance: run.variance.sampling, low: run.quantiles[5], median: run.quantiles[50] },
    ...{ high: run.quantiles[95], otherLow: run.onOtherProblems.low, otherHigh: run.onOtherProblems.high },
    ...{ firstPlace: contest?.places[at]?.[0] },
  }));
  return stringify(rows, { header: true }).trimEnd();
}

function competition({ problems, competition: strata }: Leaderboard): string {
  const parts = strata.map(({ set, count, drawnFrom }) => `${count} of ${set} (drawn from ${drawnFrom})`);
  return `A competition of ${problems} problems: ${parts.join(", ")}.`;
}

function scores({ runs }: Leaderboard): string {
  return table([
    ["run", "expected", "known to", "sd", "90 % of scores", "on other problems", "sd, problems", "sd, seeds"],
    ...runs.map(({ name, expected, expectedInterval, standardDeviation, quantiles, onOtherProblems, ...run }) => [
      name,
      expected.toFixed(1),
      `${expectedInterval.low.toFixed(1)} – ${expectedInterval.high.toFixed(1)}`,
      standardDeviation.toFixed(1),
      `${quantiles[5]} – ${quantiles[95]}`,
      `${onOtherProblems.low} – ${onOtherProblems.high}`,
      Math.sqrt(run.variance.problems).toFixed(1),
      run.knowsSampling ? Math.sqrt(run.variance.sampling).toFixed(1) : "–",
    ]),
  ]);
}

function submissions({ runs }: Leaderboard): string {
  const sizes = runs[0]?.best.map((best) => best.submissions) ?? [];
  return [
    "Best public score of so many submissions of one run (and how much of it is luck with seeds, gone on other problems):",
    table([
      ["run", ...sizes.map(String)],
      ...runs.map(({ name, best }) => [
        name,
        ...best.map(({ publicScore, optimism }) => `${publicScore.toFixed(1)} (${optimism.toFixed(1)})`),
      ]),
    ]),
  ].join("\n");
}

function pairs(duels: Leaderboard["duels"]): string {
  return table([
    ["a", "b", "b ahead", "equal", "a ahead"],
    ...duels.map(({ a, b, wins, ties, losses }) => [a, b, chance(wins), chance(ties), chance(losses)]),
  ]);
}

function places({ runs }: Leaderboard, { places: chances, draws }: Contest): string {
  const shown = Math.min(runs.length, 8);
  return [
    table([
      ["place", ...Array.from({ length: shown }, (_, place) => String(place + 1))],
      ...runs.map(({ name }, at) => [name, ...(chances[at] ?? []).slice(0, shown).map(chance)]),
    ]),
    `from ${draws.toLocaleString("en")} drawn competitions, ± ${(100 / Math.sqrt(draws)).toFixed(1)} points at most`,
  ].join("\n");
}

function choice({ choice: { publicScore, privateScore, optimism, bestChosen } }: Contest): string {
  const lost = Math.max(0, optimism); // less than 0 by the drawing of competitions alone
  return (
    `Choosing the run that is ahead in public: ${publicScore.toFixed(1)} there, ${privateScore.toFixed(1)} on other ` +
    `problems (${lost.toFixed(1)} less). It is the one with the highest expectation in ${chance(bestChosen)} of cases.`
  );
}

function chance(share: number): string {
  if (share > 0 && share < 0.005) return "< 1 %";
  if (share < 1 && share > 0.995) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

const legend =
  "Scores in problems. known to: 95 %, as the problems drawn from are a sample themselves; on other problems: 90 % of " +
  "scores, if none of these is drawn; sd, problems and seeds: what " +
  "the spread is due to (their squares add up).";
