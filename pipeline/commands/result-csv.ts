import { stringify } from "csv-stringify/sync";
import type { Estimate, Interval, SetSummary, Summary } from "../artifacts/summary.ts";

/** A run's estimates as CSV: a line per set and estimate, the sets first and then all of them together. */
export function resultCsv({ sets, all }: Summary): string {
  const rows = [...Object.entries(sets), ["all", all] as const].flatMap(([set, summary]) => rowsOf(set, summary));
  return stringify(rows, { header: true }).trimEnd();
}

function rowsOf(set: string, { accuracy, candidateAccuracy, passAt, majAt }: SetSummary) {
  const byCount = (name: string, table: Record<string, Estimate>) =>
    Object.entries(table).map(([k, estimate]) => row(set, `${name}@${k}`, estimate));
  return [
    row(set, "accuracy", accuracy),
    row(set, "candidateAccuracy", candidateAccuracy),
    ...byCount("pass", passAt),
    ...byCount("maj", majAt),
  ];
}

function row(set: string, name: string, { estimate, n, intervals, method }: Estimate) {
  const of = (kind: Interval["kind"]) => intervals.find((interval) => interval.kind === kind);
  const [population, sampling] = [of("population"), of("sampling")];
  return {
    ...{ set, name, estimate, problems: n, populationLow: population?.low, populationHigh: population?.high },
    ...{ samplingLow: sampling?.low, samplingHigh: sampling?.high, method },
  };
}
