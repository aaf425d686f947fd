import type { Estimate, Interval, SetSummary, Summary } from "../artifacts/summary.ts";
import { decimalsFor, percentText, rangeText } from "../core/shares.ts";
import { table } from "./output.ts";

/** A run's result for people: accuracies with their intervals, then where the rest went. */
export function resultTable(summary: Summary): string {
  const names = Object.keys(summary.sets);
  const rows: [string, SetSummary][] = names.map((name) => [name, summary.sets[name] as SetSummary]);
  if (rows.length > 1) rows.push(["all", summary.all]);
  return [accuracies(rows), "", losses(rows), "", legend(summary.all), ...warnings(summary)].join("\n");
}

function accuracies(rows: [string, SetSummary][]): string {
  const width = Math.max(...rows.map(([, set]) => set.width));
  const heading = ["set", "problems", `maj@${width}`, "95 % population", "95 % sampling", "single", `pass@${width}`];
  return table([
    heading,
    ...rows.map(([name, set]) => [
      name,
      set.replicates === 1 ? `${set.problems}` : `${set.problems} × ${set.replicates}`,
      estimateText(set.accuracy),
      rangeText(interval(set.accuracy, "population")),
      rangeText(interval(set.accuracy, "sampling")),
      estimateText(set.candidateAccuracy),
      estimateText(set.passAt[String(set.width)]),
    ]),
  ]);
}

/** Where candidates ended, and the executions behind them: every zero has a cause. */
function losses(rows: [string, SetSummary][]): string {
  return rows.map(([name, set]) => account(name, set)).join("\n");
}

function account(name: string, set: SetSummary): string {
  const executions = Object.values(set.executions).reduce((sum, count) => sum + count, 0);
  const lines = [
    `candidates: ${listed(set.ledger)}`,
    ...(Object.keys(set.silences).length === 0 ? [] : [`without a ballot: ${listed(set.silences)}`]),
    ...(executions === 0 ? [] : [`executions: ${listed(set.executions)}`]),
    ...(set.truncatedTurns === 0 ? [] : [`turns cut off by maxTokens: ${set.truncatedTurns}`]),
    `problems without a right vote: ${listed(set.unsolved) || "none"}`,
    ...whereTimeWent(set),
    ...(set.lostCandidates === 0
      ? []
      : [
          `lost to engine or sandbox, not the model's: ${set.lostCandidates} candidates; accuracy is ${percentText(set.bounds.low)} had all been wrong, ${percentText(set.bounds.high)} had all been right`,
        ]),
  ];
  return lines.map((line, index) => `${index === 0 ? `${name}: ` : "  "}${line}`).join("\n");
}

/** What a schedule or an early stop could mend; nothing of a run that took no time. */
function whereTimeWent({ waste, engineBusyShare, tokens }: SetSummary): string[] {
  if (!waste || waste.seconds < 1) return [];
  const shares = [
    `engine busy ${percentText(engineBusyShare)}`,
    `waiting for Python ${percentText(waste.idleForPythonSeconds / waste.seconds)}`,
    `less than half full ${percentText(waste.halfEmptySeconds / waste.seconds)}`,
  ];
  const { afterDecision, afterAnswer, lost } = waste.tokens;
  const idle = [
    ...(afterDecision > 0 ? [`${afterDecision} after the vote was decided`] : []),
    ...(afterAnswer > 0 ? [`${afterAnswer} after an answer`] : []),
    ...(lost > 0 ? [`about ${lost} more cut off`] : []),
  ];
  return [
    `time: ${shares.join(", ")}`,
    ...(idle.length > 0 ? [`tokens: ${tokens.completion} generated, ${idle.join(", ")}`] : []),
  ];
}

function legend({ width }: SetSummary): string {
  return (
    `maj@${width}: the vote's accuracy; single: one candidate's; pass@${width}: at least one is right. ` +
    "population: other problems of this kind; sampling: other seeds."
  );
}

function warnings({ warnings }: Summary): string[] {
  return warnings.length === 0 ? [] : ["", ...warnings.map((warning) => `warning: ${warning}`)];
}

function interval({ intervals }: Estimate, kind: Interval["kind"]): Interval | undefined {
  return intervals.find((candidate) => candidate.kind === kind);
}

/** With the digits that its wider interval bears. */
function estimateText(estimate: Estimate | undefined): string {
  if (estimate === undefined) return "–";
  return percentText(estimate.estimate, decimalsFor(interval(estimate, "population")));
}

function listed(counts: Record<string, number | undefined>): string {
  return Object.entries(counts)
    .filter(([, count]) => (count ?? 0) > 0)
    .toSorted(([, a], [, b]) => (b ?? 0) - (a ?? 0))
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}
