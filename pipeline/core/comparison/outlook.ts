import { detectableDifference, neededUnits } from "../statistics/power.ts";
import { sum } from "../sum.ts";
import type { PairedProblem } from "./paired-problems.ts";

export const power = 0.8;

/** What a comparison could have seen, and what would settle it. */
export interface Outlook {
  /** The smallest true difference that a comparison like this one calls significant in 80 % of cases; null: none. */
  detectable: number | null;
  /** So many problems like these would detect the difference that was seen; null where there was none. */
  problemsNeeded: number | null;
  /** So many replicates of both runs, on these problems; null where none suffice, or that cannot be told. */
  replicatesNeeded: number | null;
}

/**
 * The differences' own standard error tells what could have been seen. An exact test of gains and losses cannot call
 * fewer than six significant, all on one side (2 · ½⁶ = 0.03), so nothing smaller is claimed. Each replicate more cuts
 * the part of the variance that is due to seeds; the rest is due to the problems.
 */
export function outlookOf(pairs: readonly PairedProblem[], replicates: number): Outlook {
  const n = pairs.length;
  const differences = pairs.map(({ a, b }) => b.value - a.value);
  const mean = sum(differences) / n;
  if (n < fewestFlips) return { detectable: null, problemsNeeded: null, replicatesNeeded: null };
  const squares = sum(differences.map((difference) => (difference - mean) ** 2));
  // No flips seen does not mean that none can be: as if there had been one each way.
  const variance = (squares > 1e-20 ? squares : 2) / (n - 1);
  const at = (variance: number) =>
    detectableDifference({ standardError: Math.sqrt(variance / n), degrees: n - 1, power });
  const whole = differences.every((difference) => Number.isInteger(difference));
  const detectable = Math.max(at(variance), whole ? fewestFlips / n : 0);
  // 0 but for rounding
  if (Math.abs(mean) < 1e-12) return { detectable: asShare(detectable), problemsNeeded: null, replicatesNeeded: null };
  const problemsNeeded = Math.max(
    neededUnits({ difference: mean, standardDeviation: Math.sqrt(variance), power }),
    whole ? Math.ceil(fewestFlips / Math.abs(mean)) : 0,
  );
  return {
    detectable: asShare(detectable),
    problemsNeeded,
    replicatesNeeded: replicatesNeeded(pairs, replicates, { variance, at, mean }),
  };
}

const fewestFlips = 6;

function asShare(difference: number): number | null {
  return difference <= 1 ? difference : null;
}

function replicatesNeeded(
  pairs: readonly PairedProblem[],
  replicates: number,
  { variance, at, mean }: { variance: number; at: (variance: number) => number; mean: number },
): number | null {
  const spreads = pairs.flatMap(({ a, b }) => [a.spread?.variance, b.spread?.variance]);
  if (spreads.some((spread) => spread === undefined)) return null;
  const ofSeeds = Math.max(0, sum(spreads.map((spread) => spread ?? 0)) / pairs.length);
  const ofProblems = Math.max(0, variance - ofSeeds);
  const enough = variance * (Math.abs(mean) / at(variance)) ** 2;
  if (enough <= ofProblems) return null;
  return Math.max(1, Math.ceil((replicates * ofSeeds) / (enough - ofProblems)));
}
