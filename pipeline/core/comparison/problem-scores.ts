import { scoreProblem } from "../problem-score.ts";
import type { RunResults } from "../run-results.ts";
import type { Observation } from "../sampling-interval.ts";
import { randomStream, seedOf } from "../seed.ts";
import type { VoteOptions } from "../vote.ts";

const resamplingSeed = 2;
const defaultVote: VoteOptions = { ties: "first-seen", fallback: null };
const known = new WeakMap<RunResults, Map<number, ReadonlyMap<string, Observation>>>();

/**
 * What a run made of each problem, by problemId: the mean of its verdicts where its vote is one of `votesOf` candidates,
 * else maj@k with that k. A run is scored once, however many it is compared with.
 */
export function problemScores(run: RunResults, votesOf: number): ReadonlyMap<string, Observation> {
  const ofRun = known.get(run) ?? new Map<number, ReadonlyMap<string, Observation>>();
  known.set(run, ofRun);
  const found = ofRun.get(votesOf);
  if (found !== undefined) return found;
  const vote = run.manifest?.config.vote ?? defaultVote;
  const scores = new Map(
    run.problems.map(({ problemId, expected, replicates }) => {
      const outcomes = replicates.map(({ candidates, credit }) => ({
        observed: candidates.filter(({ lost, outcome }) => !lost && outcome !== "decided"),
        credit,
      }));
      const sizes = votesOf === run.width ? [] : [votesOf];
      const seed = seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
      const score = scoreProblem(outcomes, expected, { sizes, vote }, randomStream(seed));
      // With fewer candidates than that, as some were lost, the vote that there was stands for it.
      return [problemId, score.majAt.get(votesOf) ?? score.accuracy] as const;
    }),
  );
  ofRun.set(votesOf, scores);
  return scores;
}
