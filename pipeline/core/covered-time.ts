import { metaMilliseconds } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { GroupedRows } from "./grouped-rows.ts";
import { NumberColumn } from "./number-column.ts";

/**
 * How many milliseconds lie in at least `count` stretches of time, which has to be 1 or more. That depends on when the
 * stretches start and end, and not on which start goes with which end: both are given in any order.
 */
export function coveredMilliseconds(starts: Float64Array, ends: Float64Array, count = 1): number {
  const [starting, ending] = [starts.toSorted(), ends.toSorted()];
  // Between one end and the next, so many are open from the moment on when as many more have started as have ended.
  return ending.reduce((covered, end, ended) => {
    const since = Math.max(ending[ended - 1] ?? Number.NEGATIVE_INFINITY, starting[ended + count - 1] ?? end);
    return covered + Math.max(0, end - since);
  }, 0);
}

/** When a turn was over, with its program and the wait for a free worker, in milliseconds of the run. */
export function endOfTurn({ startedAt, milliseconds, execution, meta }: Turn): number {
  return startedAt + milliseconds + metaMilliseconds(meta, "queuedMilliseconds") + (execution?.milliseconds ?? 0);
}

/** How long turns were under way, of a whole run or of a group in it. */
export class WorkedTime {
  readonly #rows = new GroupedRows();
  readonly #starts = new NumberColumn(Float64Array);
  readonly #ends = new NumberColumn(Float64Array);

  add(group: string, turn: Turn): void {
    this.#rows.add(group);
    this.#starts.push(turn.startedAt);
    this.#ends.push(endOfTurn(turn));
  }

  /** Seconds in which a turn of the group was under way; without a group, any turn. */
  seconds(group?: string): number {
    const rows = group === undefined ? undefined : this.#rows.rowsOf(group);
    return coveredMilliseconds(this.#starts.values(rows), this.#ends.values(rows)) / 1000;
  }
}
