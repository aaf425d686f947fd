import { type CandidateKey, metaMilliseconds } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import { GroupedRows } from "./grouped-rows.ts";
import { NumberColumn } from "./number-column.ts";

/**
 * Stretches of time, by their starts and their ends, ascending. How much of the time they cover depends on these alone, and
 * not on which start goes with which end.
 */
export class Stretches {
  readonly starts: Float64Array;
  readonly ends: Float64Array;

  /** Takes the arrays over, and sorts them where they are: they may hold millions. */
  constructor(starts: Float64Array, ends: Float64Array) {
    this.starts = starts.sort();
    this.ends = ends.sort();
  }
}

/** How many milliseconds lie in at least `count` of the stretches, which has to be 1 or more. */
export function coveredMilliseconds(stretches: readonly Stretches[], count = 1): number {
  const starts = ascending(stretches.map((each) => each.starts));
  const ends = ascending(stretches.map((each) => each.ends));
  for (let skipped = 1; skipped < count; skipped += 1) starts();
  let covered = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (let end = ends(); end !== undefined; end = ends()) {
    // Between one end and the next, so many are open from the moment on when as many more have started as have ended.
    covered += Math.max(0, end - Math.max(last, starts() ?? end));
    last = end;
  }
  return covered;
}

/** The next number at each call, of lists that ascend. */
function ascending(lists: readonly Float64Array[]): () => number | undefined {
  const places = lists.map(() => 0);
  return () => {
    let least: number | undefined;
    let from = 0;
    for (let list = 0; list < lists.length; list += 1) {
      const next = lists[list]?.[places[list] ?? 0];
      if (next === undefined || (least !== undefined && next >= least)) continue;
      least = next;
      from = list;
    }
    places[from] = (places[from] ?? 0) + 1;
    return least;
  };
}

/** When a turn was over, with its program and the wait for a free worker, in milliseconds of the run. */
export function endOfTurn({ startedAt, milliseconds, execution, meta }: Turn): number {
  return startedAt + milliseconds + metaMilliseconds(meta, "queuedMilliseconds") + (execution?.milliseconds ?? 0);
}

/** How long turns were under way, of a whole run or of a vote group in it. */
export class WorkedTime {
  readonly #rows = new GroupedRows();
  readonly #starts = new NumberColumn(Float64Array);
  readonly #ends = new NumberColumn(Float64Array);

  add(turn: Turn): void {
    this.#rows.add(turn);
    this.#starts.push(turn.startedAt);
    this.#ends.push(endOfTurn(turn));
  }

  /** Seconds in which a turn of the group was under way; without a group, any turn. */
  seconds(group?: Pick<CandidateKey, "problemId" | "replicate">): number {
    const rows = group === undefined ? this.#rows.all() : this.#rows.rowsOf(group);
    return coveredMilliseconds([new Stretches(this.#starts.values([rows]), this.#ends.values([rows]))]) / 1000;
  }
}
