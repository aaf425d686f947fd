import type { Turn } from "../artifacts/turn.ts";

/** A stretch of time in milliseconds: from, to. */
export type Stretch = readonly [from: number, to: number];

/** How many milliseconds lie in at least `count` of the stretches, which has to be 1 or more. */
export function coveredMilliseconds(stretches: readonly Stretch[], count = 1): number {
  const starts = Float64Array.from(stretches, ([from]) => from).sort();
  const ends = Float64Array.from(stretches, ([, to]) => to).sort();
  // Between one end and the next, so many are open from the moment on when as many more have started as have ended.
  return ends.reduce((covered, end, ended) => {
    const since = Math.max(ends[ended - 1] ?? Number.NEGATIVE_INFINITY, starts[ended + count - 1] ?? end);
    return covered + Math.max(0, end - since);
  }, 0);
}

/** When a turn was over, with its program and the wait for a free worker, in milliseconds of the run. */
export function endOfTurn({ startedAt, milliseconds, execution, meta }: Turn): number {
  const queued = typeof meta?.queuedMilliseconds === "number" ? meta.queuedMilliseconds : 0;
  return startedAt + milliseconds + queued + (execution?.milliseconds ?? 0);
}
