import type { Interval } from "../artifacts/summary.ts";
import type { Cost, PairComparison } from "../core/comparison/compare-pair.ts";
import type { Comparison, NotShared } from "../core/comparison/compare-runs.ts";
import { settingsOf } from "../core/comparison/settings.ts";
import type { RunResults } from "../core/run-results.ts";
import { decimalsFor, percentText, pointsRangeText, pointsText, pValueText } from "../core/shares.ts";
import { table } from "./output.ts";

/** A comparison for people: what differs, the differences with their intervals, a verdict per pair, the flipped problems. */
export function comparisonPage(
  comparison: Comparison,
  runs: readonly RunResults[],
  { flips }: { flips: number },
): string {
  const names = Object.keys(comparison.sets);
  const sections: [string, PairComparison[]][] = names.map((name) => [name, comparison.sets[name]?.pairs ?? []]);
  if (names.length > 1) sections.push(["all", comparison.all.pairs]);
  return [
    whatDiffers(comparison, runs),
    models(runs),
    differences(sections, runs.length),
    verdicts(comparison.all.pairs, runs.length),
    ...(runs.length === 2
      ? comparison.all.pairs.map((pair) => `${costs(pair)}\n\n${flippedProblems(pair, flips)}`)
      : []),
    legend,
  ].join("\n\n");
}

const longestValue = 40;

function whatDiffers({ settingsThatDiffer, notShared }: Comparison, runs: readonly RunResults[]): string {
  if (settingsThatDiffer.length === 0) return "The runs have the same problems and settings.";
  const settings = runs.map(settingsOf);
  const told = settingsThatDiffer.map((key) => {
    const values = settings.map((each) => each.get(key) ?? "unknown");
    return values.every((value) => value.length <= longestValue) ? `${key} (${values.join(" / ")})` : key;
  });
  return [`These runs differ in: ${told.join(", ")}.`, ...notShared.map(leftOut)].join("\n");
}

function leftOut({ a, b, votesOf, onlyInA, onlyInB, otherAnswer, otherStatement }: NotShared): string {
  const parts = [
    count(onlyInA, `only in ${a}`),
    count(onlyInB, `only in ${b}`),
    count(otherAnswer, "with another gold answer"),
    count(otherStatement, "with another statement"),
  ].filter((part) => part !== "");
  const problems = parts.length > 0 ? `left out: ${parts.join("; ")}` : "all problems shared";
  return `${a} and ${b}: ${problems}; votes of ${votesOf}.`;
}

function count(ids: readonly string[], what: string): string {
  if (ids.length === 0) return "";
  const more = ids.length > 3 ? ", …" : "";
  return `${ids.length} ${what} (${ids.slice(0, 3).join(", ")}${more})`;
}

function models(runs: readonly RunResults[]): string {
  return table(
    runs.map(({ name, manifest, width, replicates }) => [
      name,
      manifest?.engine?.model ?? "model unknown",
      `${width} candidates`,
      ...(replicates === 1 ? [] : [`${replicates} replicates`]),
    ]),
  );
}

function differences(sections: readonly [string, PairComparison[]][], runCount: number): string {
  const isAdjusted = sections.some(([, pairs]) => pairs.some(({ test }) => test.adjustedPValue !== undefined));
  const heading = ["set", ...(runCount > 2 ? ["a", "b"] : []), "problems", "a", "b", "b − a", "95 % population"];
  return table([
    [...heading, "95 % sampling", "p", ...(isAdjusted ? ["p adjusted"] : []), "gained", "lost", "detectable"],
    ...sections.flatMap(([set, pairs]) =>
      pairs.map((pair) => {
        const { accuracy, difference, test, flipped, detectableDifference } = pair;
        const population = intervalOf(pair, "population");
        const decimals = decimalsFor(population);
        const adjusted = test.adjustedPValue === undefined ? "" : pValueText(test.adjustedPValue);
        return [
          ...[set, ...(runCount > 2 ? [pair.a, pair.b] : []), String(pair.problems)],
          ...[percentText(accuracy.a, decimals), percentText(accuracy.b, decimals)],
          ...[pointsText(difference.estimate, decimals), pointsRangeText(population)],
          ...[
            pointsRangeText(intervalOf(pair, "sampling")),
            pValueText(test.pValue),
            ...(isAdjusted ? [adjusted] : []),
          ],
          ...[String(flipped.gained.length), String(flipped.lost.length)],
          detectableDifference.difference === null
            ? "none"
            : pointsText(detectableDifference.difference, decimals).slice(1),
        ];
      }),
    ),
  ]);
}

const level = 0.05;

function verdicts(pairs: readonly PairComparison[], runCount: number): string {
  return pairs.map((pair) => (runCount > 2 ? `${pair.a} → ${pair.b}: ` : "") + verdict(pair)).join("\n");
}

function verdict(pair: PairComparison): string {
  const { a, b, difference, test, detectableDifference, needed, problems } = pair;
  const pValue = test.adjustedPValue ?? test.pValue;
  const decimals = decimalsFor(intervalOf(pair, "population"));
  if (pValue < level) {
    const [better, worse] = difference.estimate > 0 ? [b, a] : [a, b];
    return `${better} is better than ${worse} (p = ${pValueText(pValue).replace("< ", "below ")}; ${test.name}).`;
  }
  const { difference: detectable } = detectableDifference;
  const blind =
    detectable === null
      ? `With ${problems} ${problems === 1 ? "problem" : "problems"} no difference could have been shown.`
      : `This comparison would have shown a difference of ${pointsText(detectable, decimals).slice(1)} points in 80 % of cases.`;
  const settle = [
    ...(needed.problems === null ? [] : [`about ${roughly(needed.problems)} problems like these`]),
    ...(needed.replicates === null ? [] : [`about ${roughly(needed.replicates)} replicates of each`]),
  ];
  const advice =
    settle.length === 0
      ? ""
      : ` To settle one of ${pointsText(Math.abs(difference.estimate), decimals).slice(1)}: ${settle.join(", or ")}.`;
  return `No difference is shown (p = ${pValueText(pValue)}; ${test.name}). ${blind}${advice}`;
}

/** A forecast, with two significant digits. */
function roughly(count: number): string {
  return Number(count.toPrecision(2)).toLocaleString("en");
}

function costs({ a, b, cost }: PairComparison): string {
  const outcomes = [
    ...new Set([...Object.keys(cost.a.outcomes), ...Object.keys(cost.b.outcomes)]),
  ] as (keyof Cost["outcomes"])[];
  const row = (what: string, left: number, right: number) => [
    what,
    Math.round(left).toLocaleString("en"),
    Math.round(right).toLocaleString("en"),
    left === 0 ? "" : `× ${(right / left).toFixed(2)}`,
  ];
  return table([
    ["", a, b, ""],
    row("tokens written", cost.a.tokens, cost.b.tokens),
    row("candidate seconds", cost.a.seconds, cost.b.seconds),
    ...outcomes.map((outcome) => row(outcome, cost.a.outcomes[outcome] ?? 0, cost.b.outcomes[outcome] ?? 0)),
  ]);
}

function flippedProblems({ a, b, flipped }: PairComparison, most: number): string {
  const list = (ids: readonly string[]) => {
    const more = ids.length > most ? ` … and ${ids.length - most} more (--flips ${ids.length})` : "";
    return ids.length === 0 ? "none" : `${ids.slice(0, most).join(", ")}${more}`;
  };
  return [
    `only ${b} solves (${flipped.gained.length}): ${list(flipped.gained)}`,
    `only ${a} solves (${flipped.lost.length}): ${list(flipped.lost)}`,
  ].join("\n");
}

function intervalOf({ difference }: PairComparison, kind: Interval["kind"]): Interval | undefined {
  return difference.intervals.find((interval) => interval.kind === kind);
}

const legend =
  "Differences in points. population: other problems of this kind; sampling: other seeds, same problems. " +
  "detectable: the smallest true difference that such a comparison shows in 80 % of cases.";
