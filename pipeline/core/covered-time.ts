/** A stretch of time in milliseconds: from, to. */
export type Stretch = readonly [from: number, to: number];

/** How many milliseconds lie in at least one of the stretches. */
export function coveredMilliseconds(stretches: readonly Stretch[]): number {
  let covered = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const [from, to] of stretches.toSorted((a, b) => a[0] - b[0])) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return covered;
}
