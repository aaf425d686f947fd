import { join } from "node:path";
import { tableOf } from "../../benchmarks/result-table.ts";
import type { Estimate, Summary } from "../../pipeline/artifacts/summary.ts";
import type { Comparison } from "../../pipeline/core/comparison/compare-runs.ts";
import {
  decimalsFor,
  percentText,
  pointsRangeText,
  pointsText,
  pValueText,
  rangeText,
} from "../../pipeline/core/shares.ts";
import type { Forecast } from "../../pipeline/core/simulation/simulate.ts";
import { sum } from "../../pipeline/core/sum.ts";
import { intervalQuantile } from "../../pipeline/core/wilson.ts";
import type { Figure, Point } from "./figure.ts";
import { checkpointWidth, sctir, seedName, summaryOf } from "./runs.ts";

/** What a claim rests on: a table and a figure of the page. */
export interface Evidence {
  name: string; // of the table's marks and of the figure's file
  lines: Record<string, string>[];
  figure: Figure;
}

type Pair = Comparison["all"]["pairs"][number];

/** Everything that docs/tiny.md shows, from finished runs in a folder. */
export async function evidenceOf(folder: string, seeds: number): Promise<Evidence[]> {
  const names = ["tir", "cot", "tir-half", "kto"];
  const summaries = new Map(names.map((name) => [name, summaryOf(folder, name)]));
  const compare = async (runs: readonly string[], ...options: string[]): Promise<Comparison> =>
    JSON.parse(await sctir(["compare", ...runs.map((name) => join(folder, name)), "--json", ...options]));
  const { all } = await compare(names, "--baseline");
  const against = (name: string) => checkpoints(name, summaries, all.pairs);
  const simulated = ["simulate", join(folder, "tir"), "--width", `1,${checkpointWidth}`, "--json"];
  const { forecasts }: { forecasts: Forecast[] } = JSON.parse(await sctir(simulated));
  const seedNames = Array.from({ length: seeds }, (_, seed) => seedName(seed));
  const equals = await compare(seedNames);
  return [
    against("cot"),
    votes(summaries.get("tir")),
    depths(forecasts),
    against("tir-half"),
    against("kto"),
    spread(seedNames.map((name) => summaryOf(folder, name))),
    equalRuns(equals.all.pairs),
  ];
}

/** A checkpoint beside `tir`, and how `compare` finds the two to differ in the vote of eight. */
function checkpoints(name: string, summaries: ReadonlyMap<string, Summary>, pairs: readonly Pair[]): Evidence {
  const of = (run: string) => summaries.get(run)?.all;
  const rows = [name, "tir"].map((run) => ({
    model: `tiny-${run}`,
    "one candidate": told(of(run)?.passAt["1"]),
    [`vote of ${checkpointWidth}`]: told(of(run)?.majAt[checkpointWidth]),
    [`pass@${checkpointWidth}`]: told(of(run)?.passAt[checkpointWidth]),
  }));
  const pair = pairs.find(({ b }) => b === name);
  const points = [name, "tir"].flatMap((run) => [
    { series: `tiny-${run}`, x: "one candidate", ...pointOf(of(run)?.passAt["1"]) },
    { series: `tiny-${run}`, x: `vote of ${checkpointWidth}`, ...pointOf(of(run)?.majAt[checkpointWidth]) },
  ]);
  return {
    name,
    lines: [...rows, { model: "`compare`", ...difference(pair) }],
    figure: { x: "", y: "right, %", points },
  };
}

/** In the columns of the table above it. */
function difference(pair: Pair | undefined): Record<string, string> {
  if (pair === undefined) return {};
  const { difference, test } = pair;
  const [interval] = difference.intervals;
  return {
    [`vote of ${checkpointWidth}`]: `${pointsText(difference.estimate, decimalsFor(interval))} (${pointsRangeText(interval)})`,
    [`pass@${checkpointWidth}`]: `p ${pValueText(test.adjustedPValue ?? test.pValue)}, ${pair.flipped.gained.length} gained, ${pair.flipped.lost.length} lost`,
  };
}

function votes(summary: Summary | undefined): Evidence {
  const sizes = Object.keys(summary?.all.majAt ?? {}).map(Number);
  const at = (k: number) => ({ vote: summary?.all.majAt[k], pass: summary?.all.passAt[k] });
  return {
    name: "votes",
    lines: sizes.map((k) => ({ k: `${k}`, "maj@k": told(at(k).vote), "pass@k": told(at(k).pass) })),
    figure: {
      ...{ x: "candidates", y: "right, %", joined: true, doubling: true },
      points: sizes.flatMap((k) => [
        { series: "maj@k", x: k, ...pointOf(at(k).vote) },
        { series: "pass@k", x: k, ...pointOf(at(k).pass) },
      ]),
    },
  };
}

function depths(forecasts: readonly Forecast[]): Evidence {
  const at = (depth: number, width: number) => forecasts.find((each) => each.depth === depth && each.width === width);
  const turns = [...new Set(forecasts.map(({ depth }) => depth))];
  const voted = `vote of ${checkpointWidth}`;
  return {
    name: "depth",
    lines: turns.map((depth) => ({
      turns: `${depth}`,
      "one candidate": told(at(depth, 1)?.accuracy),
      [voted]: told(at(depth, checkpointWidth)?.accuracy),
      [`tokens of ${checkpointWidth}`]: (at(depth, checkpointWidth)?.tokensPerProblem.mean ?? 0).toFixed(0),
    })),
    figure: {
      ...{ x: "turns", y: "right, %", joined: true },
      points: turns.flatMap((depth) => [
        { series: "one candidate", x: depth, ...pointOf(at(depth, 1)?.accuracy) },
        { series: voted, x: depth, ...pointOf(at(depth, checkpointWidth)?.accuracy) },
      ]),
    },
  };
}

/** How far runs of other seeds lie apart, and how far each one's own interval says that they may. */
function spread(summaries: readonly Summary[]): Evidence {
  const line = (what: string, estimates: readonly Estimate[]) => {
    const values = estimates.map(({ estimate }) => estimate);
    const mean = meanOf(values);
    const seen = Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1));
    const intervals = estimates.flatMap(({ intervals }) => intervals.filter(({ kind }) => kind === "sampling"));
    const half = meanOf(intervals.map(({ low, high }) => (high - low) / 2));
    const holding = intervals.filter(({ low, high }) => low <= mean && mean <= high).length;
    return {
      what,
      mean: percentText(mean),
      "lowest – highest": rangeText({ low: Math.min(...values), high: Math.max(...values) }, 1),
      "standard deviation": `${(100 * seen).toFixed(1)}`,
      "as one run's interval has it": `${((100 * half) / intervalQuantile).toFixed(1)}`,
      "intervals that hold the mean": `${holding} of ${intervals.length}`,
    };
  };
  const voted = summaries.map(({ all }) => all.accuracy);
  return {
    name: "seeds",
    lines: [
      line(
        "one candidate",
        summaries.map(({ all }) => all.candidateAccuracy),
      ),
      line("vote", voted),
    ],
    figure: {
      ...{ x: "seed", y: "vote right, %", rule: 100 * meanOf(voted.map(({ estimate }) => estimate)) },
      points: voted.map((estimate, seed) => ({ x: `${seed + 1}`, ...pointOf(estimate, "sampling") })),
    },
  };
}

/** What `compare` says of runs that differ in their seed alone. */
function equalRuns(pairs: readonly Pair[]): Evidence {
  const sorted = pairs.toSorted((a, b) => a.difference.estimate - b.difference.estimate);
  const found = (pValue: (pair: Pair) => number) => pairs.filter((pair) => pValue(pair) < 0.05).length;
  const largest = Math.max(...pairs.map(({ difference }) => Math.abs(difference.estimate)));
  return {
    name: "equals",
    lines: [
      {
        pairs: `${pairs.length}`,
        "largest difference": `${(100 * largest).toFixed(1)} points`,
        "called different (p < 0.05)": `${found(({ test }) => test.pValue)}`,
        "after Holm": `${found(({ test }) => test.adjustedPValue ?? test.pValue)}`,
      },
    ],
    figure: {
      ...{ x: "pairs of runs, by their difference", y: "difference, points", rule: 0 },
      points: sorted.map(({ difference }, at) => ({ x: `${at + 1}`, ...pointOf(difference) })),
    },
  };
}

/** With the interval over other problems where there is one. */
function pointOf(estimate: Estimate | undefined, kind = "population"): Pick<Point, "value" | "low" | "high"> {
  if (estimate === undefined) throw new Error("an estimate is missing from the runs");
  const { low, high } = estimate.intervals.find((interval) => interval.kind === kind) ?? {
    low: estimate.estimate,
    high: estimate.estimate,
  };
  return { value: 100 * estimate.estimate, low: 100 * low, high: 100 * high };
}

function told(estimate: Estimate | undefined): string {
  if (estimate === undefined) throw new Error("an estimate is missing from the runs");
  const interval = estimate.intervals.find(({ kind }) => kind === "population");
  const decimals = decimalsFor(interval);
  return `${percentText(estimate.estimate, decimals)} (${rangeText(interval, decimals)})`;
}

function meanOf(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function markdownOf({ lines }: Evidence): string {
  return tableOf({ rows: [], figures: lines });
}
