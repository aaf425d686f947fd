import { describe, expect, it } from "vitest";
import { recordedSets } from "../../../benchmarks/recorded-votes.ts";
import {
  certainWinner,
  confidentWinner,
  type EarlyWinnerOptions,
} from "../../../pipeline/core/early-stop/early-winner.ts";
import { stoppedVote } from "../../../pipeline/core/early-stop/stopped-vote.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";
import { vote } from "../../../pipeline/core/vote.ts";
import { dataFolder, hasDataFolder } from "../../helpers/data-folder.ts";

describe.skipIf(!hasDataFolder)("early stop on recorded runs", () => {
  const sets = hasDataFolder ? recordedSets(dataFolder) : [];
  const options: EarlyWinnerOptions = { ties: "first-seen", fallback: null, depth: 1, afterAnswer: "stop" };

  it("knows the recordings", () => {
    expect(sets.map(({ problems }) => problems.length)).toEqual([200, 100, 133, 200, 41]);
  });

  it.each(sets)("changes no winner where it is certain, in any order: $name", ({ problems }) => {
    const random = randomStream(3);
    const winnerOf = (state: Parameters<typeof certainWinner>[0]) => certainWinner(state, options);
    let cancelled = 0;
    for (const candidates of problems) {
      const { answer } = vote(candidates, options);
      for (let order = 0; order < 6; order += 1) {
        const endings = candidates.map((row) => ({ ...row, endsAt: order === 0 ? row.tokens : random() }));
        const stopped = stoppedVote(endings, winnerOf);
        expect(stopped.answer).toBe(answer);
        const left = candidates.filter(
          (row) => !stopped.cancelled.some(({ candidate }) => candidate === row.candidate),
        );
        expect(vote(left, options).answer).toBe(answer);
        cancelled += stopped.cancelled.length;
      }
    }
    expect(cancelled).toBeGreaterThan(0);
  });

  it.each(sets)("changes no larger share of winners than the confidence allows: $name", ({ problems }) => {
    const random = randomStream(4);
    for (const confidence of [0.9, 0.95, 0.99]) {
      for (let order = 0; order < 4; order += 1) {
        const changed = problems.filter((candidates) => {
          const endings = candidates.map((row) => ({ ...row, endsAt: order === 0 ? row.tokens : random() }));
          const { answer } = stoppedVote(endings, (state) => confidentWinner(state, options, confidence));
          return answer !== vote(candidates, options).answer;
        });
        expect(changed.length).toBeLessThanOrEqual((1 - confidence) * problems.length);
      }
    }
  });
});
