import { stringify } from "csv-stringify/sync";
import type { Interval } from "../artifacts/summary.ts";
import { decimalsFor, percentText, pointsRangeText, pointsText, rangeText } from "../core/shares.ts";
import type { Forecast } from "../core/simulation/simulate.ts";
import { table } from "./output.ts";

export interface SimulationPage {
  runId: string;
  ran: { width: number; depth: number; replicates: number };
  problems: number;
  lost: number; // candidates left out
  earlyStop: string;
  budgetSeconds: number | null;
  forecasts: Forecast[];
  frontier: { width: number; depth: number }[];
}

/** Other settings of a run for people: a line each, those worth their tokens marked. */
export function simulationPage(page: SimulationPage): string {
  const { runId, ran, problems, lost, earlyStop, budgetSeconds, forecasts, frontier } = page;
  const isTimed = earlyStop !== "off" || budgetSeconds !== null;
  const isBest = ({ width, depth }: Forecast) => frontier.some((best) => best.width === width && best.depth === depth);
  const rules = [
    ...(earlyStop === "off" ? [] : [`early stop: ${earlyStop}`]),
    ...(budgetSeconds === null ? [] : [`${budgetSeconds} s per problem`]),
  ];
  return [
    `From ${runId}: ${problems} problems, ${ran.width} candidates of ${ran.depth} turns${ran.replicates === 1 ? "" : `, ${ran.replicates} replicates`}.${rules.length === 0 ? "" : ` With ${rules.join(" and ")}.`}`,
    table([
      [
        "turns",
        "candidates",
        "accuracy",
        "95 % population",
        "95 % sampling",
        "tokens",
        ...(isTimed ? ["seconds"] : []),
        "gain",
        "95 % of gain",
        "",
      ],
      ...forecasts.map((forecast) => {
        const { depth, width, accuracy, tokensPerProblem, millisecondsPerProblem, gain } = forecast;
        const population = intervalOf(forecast, "population");
        return [
          String(depth),
          String(width),
          percentText(accuracy.estimate, decimalsFor(population)),
          rangeText(population),
          rangeText(intervalOf(forecast, "sampling")),
          Math.round(tokensPerProblem.mean).toLocaleString("en"),
          ...(isTimed ? [(millisecondsPerProblem.mean / 1000).toFixed(1)] : []),
          gain === undefined ? "" : pointsText(gain.mean, decimalsFor(gain)),
          gain === undefined ? "" : pointsRangeText(gain),
          isBest(forecast) ? "*" : "",
        ];
      }),
    ]),
    [
      "*: no setting here is as accurate with fewer tokens. tokens: per problem, written by the model. gain: points over the line above,",
      "by the same problems.",
      ...(isTimed
        ? ["seconds: until a problem's last candidate has ended, with the run's own times, all begun at once."]
        : []),
      ...(lost === 0 ? [] : [`${lost} candidates were lost to the engine or the sandbox and are left out.`]),
    ].join(" "),
  ].join("\n\n");
}

/** One line per setting. */
export function simulationCsv({ forecasts, frontier }: SimulationPage): string {
  const rows = forecasts.map((forecast) => {
    const { depth, width, accuracy, tokensPerProblem, millisecondsPerProblem, gain } = forecast;
    const [population, sampling] = [intervalOf(forecast, "population"), intervalOf(forecast, "sampling")];
    return {
      ...{
        depth,
        width,
        accuracy: accuracy.estimate,
        populationLow: population?.low,
        populationHigh: population?.high,
      },
      ...{ samplingLow: sampling?.low, samplingHigh: sampling?.high, tokensPerProblem: tokensPerProblem.mean },
      ...{
        millisecondsPerProblem: millisecondsPerProblem.mean,
        gain: gain?.mean,
        gainLow: gain?.low,
        gainHigh: gain?.high,
      },
      onFrontier: frontier.some((best) => best.width === width && best.depth === depth) ? 1 : 0,
    };
  });
  return stringify(rows, { header: true }).trimEnd();
}

function intervalOf({ accuracy }: Forecast, kind: Interval["kind"]): Interval | undefined {
  return accuracy.intervals.find((interval) => interval.kind === kind);
}
