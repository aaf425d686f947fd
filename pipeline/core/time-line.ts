import type { Candidate } from "../artifacts/candidate.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import type { Waste } from "../artifacts/waste.ts";
import { coveredMilliseconds, endOfTurn, Stretches } from "./covered-time.ts";
import { GroupedRows } from "./grouped-rows.ts";
import { NumberColumn } from "./number-column.ts";
import { sum } from "./sum.ts";

type TimedCandidate = Pick<
  Candidate,
  "problemId" | "replicate" | "candidate" | "outcome" | "answer" | "turns" | "meta"
>;

/** All candidates of one problem in one replicate. */
export type TimedGroup = readonly TimedCandidate[];

/** Whether a vote's winner is certain when these of its candidates have ended. */
export type IsDecided = (ended: readonly TimedCandidate[]) => boolean;

/** Vote groups that an account is made of. */
export interface AccountedGroups {
  keys: readonly Pick<CandidateKey, "problemId" | "replicate">[];
  slots: number; // requests that could have been in flight
  tokensAfterDecision: number; // of all of them
  lostMilliseconds: number; // of their turns that were cut off
}

/**
 * When the turns of a run were made, on its clock in milliseconds, by vote group. A turn is a line in columns of numbers:
 * there may be a million.
 */
export class TimeLine {
  readonly #rows = new GroupedRows();
  readonly #candidate = new NumberColumn(Int32Array);
  readonly #from = new NumberColumn(Float64Array);
  readonly #generated = new NumberColumn(Float64Array); // the engine's part ends, Python's begins
  readonly #until = new NumberColumn(Float64Array);
  readonly #tokens = new NumberColumn(Float64Array);
  readonly #isAfterAnswer = new NumberColumn(Uint8Array);

  add(row: Turn): void {
    const { candidate, startedAt, milliseconds, tokens, meta } = row;
    this.#rows.add(row);
    this.#candidate.push(candidate);
    this.#from.push(startedAt);
    this.#generated.push(startedAt + milliseconds);
    this.#until.push(endOfTurn(row));
    this.#tokens.push(tokens.completion);
    this.#isAfterAnswer.push(meta?.afterAnswer === true ? 1 : 0);
  }

  /** Where the time and the tokens of these groups went, and in which share of the time the engine had a request of theirs. */
  account({ keys, slots, tokensAfterDecision, lostMilliseconds }: AccountedGroups): {
    engineBusyShare: number;
    waste: Waste;
  } {
    const rows = keys.map((key) => this.#rows.rowsOf(key));
    const programs = rows.map((group) => group.filter((row) => this.#until.at(row) > this.#generated.at(row)));
    const afterAnswer = rows.map((group) => group.filter((row) => this.#isAfterAnswer.at(row) === 1));
    const requestMilliseconds = difference(this.#from, this.#generated, rows);
    const pythonMilliseconds = difference(this.#generated, this.#until, programs);
    const tokens = total(this.#tokens, rows);
    const requests = new Stretches(this.#from.values(rows), this.#generated.values(rows));
    const executions = new Stretches(this.#generated.values(programs), this.#until.values(programs));
    const busy = coveredMilliseconds([requests]);
    const active = coveredMilliseconds([requests, executions]);
    const waste = {
      seconds: active / 1000,
      idleForPythonSeconds: (active - busy) / 1000,
      halfEmptySeconds: (active - coveredMilliseconds([requests], Math.ceil(slots / 2))) / 1000,
      pythonSeconds: pythonMilliseconds / 1000,
      tokens: {
        afterAnswer: total(this.#tokens, afterAnswer),
        afterDecision: Math.round(tokensAfterDecision),
        lost: requestMilliseconds === 0 ? 0 : Math.round((lostMilliseconds * tokens) / requestMilliseconds),
      },
    };
    return { engineBusyShare: active === 0 ? 0 : busy / active, waste };
  }

  /** Of a group's candidates that went on when nothing they could say would change the winner any more. */
  tokensAfterDecision(group: TimedGroup, isDecided: IsDecided): number {
    const [first] = group;
    const rows = first ? this.#rows.rowsOf(first) : [];
    const ends = new Map<number, number>();
    for (const row of rows) {
      const candidate = this.#candidate.at(row);
      ends.set(candidate, Math.max(ends.get(candidate) ?? 0, this.#until.at(row)));
    }
    const ended = group
      .filter(({ outcome }) => outcome !== "decided" && outcome !== "budget")
      .toSorted((a, b) => (ends.get(a.candidate) ?? 0) - (ends.get(b.candidate) ?? 0));
    const enough = firstWhere(ended.length + 1, (count) => isDecided(ended.slice(0, count)));
    const last = ended[enough - 1];
    if (last === undefined) return 0; // a budget ended it
    const decidedAt = ends.get(last.candidate) ?? 0;
    return sum(
      Array.from(rows, (row) => {
        const [from, generated] = [this.#from.at(row), this.#generated.at(row)];
        const share = generated === from ? Number(from > decidedAt) : (generated - decidedAt) / (generated - from);
        return this.#tokens.at(row) * Math.min(1, Math.max(0, share));
      }),
    );
  }
}

/** The smallest count up to `most` that satisfies a condition which stays true once it is; `most` if none does. */
function firstWhere(most: number, holds: (count: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function total(column: NumberColumn, groups: readonly Int32Array[]): number {
  let all = 0;
  for (const rows of groups) for (const row of rows) all += column.at(row);
  return all;
}

/** Of one column from another, summed over rows. */
function difference(from: NumberColumn, to: NumberColumn, groups: readonly Int32Array[]): number {
  let all = 0;
  for (const rows of groups) for (const row of rows) all += to.at(row) - from.at(row);
  return all;
}
