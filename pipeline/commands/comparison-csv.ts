import { stringify } from "csv-stringify/sync";
import type { Estimate } from "../artifacts/summary.ts";
import type { PairComparison } from "../core/comparison/compare-pair.ts";
import type { Comparison } from "../core/comparison/compare-runs.ts";

/** A comparison as CSV: a line per set and pair, the sets first and then all of them together. */
export function comparisonCsv({ sets, all }: Comparison): string {
  const rows = [...Object.entries(sets), ["all", all] as const].flatMap(([set, { pairs }]) =>
    pairs.map((pair) => rowOf(set, pair)),
  );
  return stringify(rows, { header: true }).trimEnd();
}

function rowOf(set: string, pair: PairComparison) {
  const { a, b, problems, accuracy, difference, test, flipped, detectableDifference, needed } = pair;
  return {
    ...{ set, a, b, problems, accuracyA: accuracy.a, accuracyB: accuracy.b, difference: difference.estimate },
    ...ends("population", difference),
    ...ends("sampling", difference),
    ...{ test: test.name, pValue: test.pValue, adjustedPValue: test.adjustedPValue },
    ...{ gained: flipped.gained.length, lost: flipped.lost.length },
    ...{ detectableDifference: detectableDifference.difference, problemsNeeded: needed.problems },
    replicatesNeeded: needed.replicates,
  };
}

function ends(kind: "population" | "sampling", { intervals }: Estimate) {
  const found = intervals.find((interval) => interval.kind === kind);
  return { [`${kind}Low`]: found?.low, [`${kind}High`]: found?.high };
}
