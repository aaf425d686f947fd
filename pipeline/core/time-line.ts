import type { Candidate } from "../artifacts/candidate.ts";
import { voteKey } from "../artifacts/identifier.ts";
import type { Turn } from "../artifacts/turn.ts";
import type { Waste } from "../artifacts/waste.ts";
import { coveredMilliseconds, endOfTurn, type Stretch } from "./covered-time.ts";
import { sum } from "./sum.ts";

/** A turn on the run's clock, in milliseconds. */
interface TurnTime {
  candidate: number;
  from: number;
  generated: number; // the engine's part ends, Python's begins
  until: number;
  tokens: number;
  afterAnswer: boolean;
}

type TimedCandidate = Pick<
  Candidate,
  "problemId" | "replicate" | "candidate" | "outcome" | "answer" | "turns" | "meta"
>;

/** All candidates of one problem in one replicate. */
export type TimedGroup = readonly TimedCandidate[];

/** Whether a vote's winner is certain when these of its candidates have ended. */
export type IsDecided = (ended: readonly TimedCandidate[]) => boolean;

/** When the turns of a run were made, by vote group. */
export class TimeLine {
  readonly #turns = new Map<string, TurnTime[]>();

  add(row: Turn): void {
    const { candidate, startedAt, milliseconds, tokens, meta } = row;
    const turn = {
      ...{ candidate, from: startedAt, generated: startedAt + milliseconds, tokens: tokens.completion },
      until: endOfTurn(row),
      afterAnswer: meta?.afterAnswer === true,
    };
    const known = this.#turns.get(voteKey(row));
    if (known) known.push(turn);
    else this.#turns.set(voteKey(row), [turn]);
  }

  /**
   * Where the time and the tokens of these groups went, and in which share of the time the engine had a request of theirs.
   * `slots`: requests that could have been in flight.
   */
  account(
    groups: readonly TimedGroup[],
    slots: number,
    isDecided: IsDecided,
  ): { engineBusyShare: number; waste: Waste } {
    const turns = groups.flatMap((group) => this.#turnsOf(group));
    const requests = turns.map(({ from, generated }): Stretch => [from, generated]);
    const programs = turns
      .filter(({ generated, until }) => until > generated)
      .map(({ generated, until }): Stretch => [generated, until]);
    const busy = coveredMilliseconds(requests);
    const active = coveredMilliseconds([...requests, ...programs]);
    const requestMilliseconds = sum(requests.map(([from, to]) => to - from));
    const tokens = sum(turns.map((turn) => turn.tokens));
    const lost = sum(groups.flat().map(lostMilliseconds));
    const waste = {
      seconds: active / 1000,
      idleForPythonSeconds: (active - busy) / 1000,
      halfEmptySeconds: (active - coveredMilliseconds(requests, Math.ceil(slots / 2))) / 1000,
      pythonSeconds: sum(programs.map(([from, to]) => to - from)) / 1000,
      tokens: {
        afterAnswer: sum(turns.filter(({ afterAnswer }) => afterAnswer).map((turn) => turn.tokens)),
        afterDecision: Math.round(sum(groups.map((group) => this.#tokensAfterDecision(group, isDecided)))),
        lost: requestMilliseconds === 0 ? 0 : Math.round((lost * tokens) / requestMilliseconds),
      },
    };
    return { engineBusyShare: active === 0 ? 0 : busy / active, waste };
  }

  #turnsOf([first]: TimedGroup): TurnTime[] {
    return (first && this.#turns.get(voteKey(first))) ?? [];
  }

  /** Of candidates that went on when nothing they could say would change the winner any more. */
  #tokensAfterDecision(candidates: TimedGroup, isDecided: IsDecided): number {
    const turns = this.#turnsOf(candidates);
    const ends = new Map<number, number>();
    for (const { candidate, until } of turns) ends.set(candidate, Math.max(ends.get(candidate) ?? 0, until));
    const ended = candidates
      .filter(({ outcome }) => outcome !== "decided" && outcome !== "budget")
      .toSorted((a, b) => (ends.get(a.candidate) ?? 0) - (ends.get(b.candidate) ?? 0));
    const enough = firstWhere(ended.length + 1, (count) => isDecided(ended.slice(0, count)));
    const last = ended[enough - 1];
    if (last === undefined) return 0; // a budget ended it
    const decidedAt = ends.get(last.candidate) ?? 0;
    return sum(
      turns.map(({ from, generated, tokens }) => {
        const share = generated === from ? Number(from > decidedAt) : (generated - decidedAt) / (generated - from);
        return tokens * Math.min(1, Math.max(0, share));
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

function lostMilliseconds({ meta }: TimedCandidate): number {
  return typeof meta?.lostMilliseconds === "number" ? meta.lostMilliseconds : 0;
}
