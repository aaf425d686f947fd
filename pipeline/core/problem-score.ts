import type { Candidate } from "../artifacts/candidate.ts";
import { electorateOf } from "./electorate.ts";
import { majAt } from "./maj-at.ts";
import { passAt, passAtVariance } from "./pass-at.ts";
import { type Observation, type Spread, spreadOfReplicates } from "./sampling-interval.ts";
import { sum } from "./sum.ts";
import type { VoteOptions, Voter } from "./vote.ts";
import { majAtVariances } from "./vote-variance.ts";

/** What one replicate knows of a problem. */
export interface ReplicateOutcome {
  /** The candidates that say something about the model: neither lost nor cancelled once the vote was decided. */
  observed: readonly Voter[];
  credit: number; // how right the vote was: 1, 0, or a share of a tie
}

/** One problem's part of every estimate. What its candidates do not suffice for is left out. */
export interface ProblemScore {
  accuracy: Observation;
  candidateAccuracy: Observation | undefined;
  passAt: ReadonlyMap<number, Observation>;
  majAt: ReadonlyMap<number, Observation>;
  /** Where maj@k is from random subsets, as there are too many to count: its standard error for that, by k. */
  standardErrors: ReadonlyMap<number, number>;
}

export interface ScoringRules {
  sizes: readonly number[]; // the k of pass@k and maj@k, ascending from 1
  vote: VoteOptions;
}

/** The k for which pass@k and maj@k are told: 1, 2, 4, … and all candidates. */
export function sizesUpTo(width: number): number[] {
  const sizes: number[] = [];
  for (let k = 1; k < width; k *= 2) sizes.push(k);
  return [...sizes, width];
}

/**
 * Scores one problem: each value is the mean over its replicates, and its spread tells how that mean would vary over
 * seeds. With several replicates they tell the spread themselves. A single one does by its candidates: an unbiased
 * variance of pass@k and maj@k where k is at most half of them, and from the votes of half for the vote of all of them.
 * `random` is drawn from only for a single replicate's spread, and where subsets have to be sampled.
 */
export function scoreProblem(
  replicates: readonly ReplicateOutcome[],
  expected: string,
  { sizes, vote }: ScoringRules,
  random: () => number,
): ProblemScore {
  const single = replicates.length === 1 ? replicates[0] : undefined;
  const n = single?.observed.length ?? 0;
  const right = single ? countRight(single.observed, expected) : 0;
  const half = Math.floor(n / 2); // what the vote of all is judged by
  const asked = half === 0 || sizes.includes(half) ? sizes : [...sizes, half];

  const electorates = replicates.map(({ observed }) => electorateOf(observed, expected, vote));
  const scored = replicates.map(({ observed }, index) => {
    const within = asked.filter((k) => k <= observed.length);
    const electorate = electorates[index];
    const majority = electorate ? majAt(electorate, within, random) : [];
    const rightOnes = countRight(observed, expected);
    return within.map((k, place) => {
      return {
        k,
        n: observed.length,
        pass: passAt(observed.length, rightOnes, k),
        majority: majority[place] ?? { value: 0 },
      };
    });
  });

  const halves = (single && scored[0] ? scored[0] : []).filter(({ k }) => 2 * k <= n);
  const targets = halves.map(({ k, majority }) => ({ k, estimate: majority.value }));
  const variances = electorates[0] ? majAtVariances(electorates[0], targets, random) : [];
  const majoritySpread = new Map(targets.map(({ k }, index) => [k, partitionSpread(variances[index] ?? 0, n, k)]));
  const ofHalf = targets.findIndex(({ k }) => k === half);
  const voteSpread = ofHalf < 0 ? undefined : spreadOfVote(targets[ofHalf]?.estimate ?? 0, variances[ofHalf] ?? 0, n);
  if (voteSpread) majoritySpread.set(n, voteSpread);

  const passes = new Map<number, Observation>();
  const majorities = new Map<number, Observation>();
  const standardErrors = new Map<number, number>();
  for (const k of sizes) {
    const usable = scored.flatMap((values) => values.filter((value) => value.k === k));
    if (usable.length === 0) continue;
    const trials = sum(usable.map((each) => Math.floor(each.n / k))); // a k-subset and others beside it
    const passSpread = single && 2 * k <= n ? partitionSpread(passAtVariance(n, right, k), n, k) : undefined;
    const observeAll = (values: number[], spread: Spread | undefined) => observe(values, trials, spread);
    passes.set(
      k,
      observeAll(
        usable.map(({ pass }) => pass),
        passSpread,
      ),
    );
    majorities.set(
      k,
      observeAll(
        usable.map(({ majority }) => majority.value),
        majoritySpread.get(k),
      ),
    );
    const errors = usable.map(({ majority }) => majority.standardError ?? 0);
    if (errors.some((error) => error > 0)) standardErrors.set(k, Math.hypot(...errors) / errors.length);
  }
  const candidateAccuracy = shareOfCandidates(replicates, expected);
  if (candidateAccuracy) passes.set(1, candidateAccuracy);
  return {
    accuracy: observe(
      replicates.map(({ credit }) => credit),
      replicates.length,
      voteSpread,
    ),
    candidateAccuracy,
    passAt: passes,
    majAt: majorities,
    standardErrors,
  };
}

/** The mean of one value per replicate. `spread` is used where a single replicate cannot tell it. */
function observe(values: readonly number[], trials: number, spread: Spread | undefined): Observation {
  return { value: sum(values) / values.length, trials, spread: spreadOfReplicates(values) ?? spread };
}

/** The share of right candidates over all replicates. Its variance is p(1 - p) / (n - 1), unbiased. */
function shareOfCandidates(replicates: readonly ReplicateOutcome[], expected: string): Observation | undefined {
  const candidates = replicates.flatMap(({ observed }) => observed);
  const n = candidates.length;
  if (n === 0) return undefined;
  const value = countRight(candidates, expected) / n;
  const spread = n > 1 ? { variance: (value * (1 - value)) / (n - 1), degrees: n - 1 } : undefined;
  return { value, trials: n, spread };
}

/**
 * Of the vote of all n candidates, by what is known of votes of half of them: maj@(n/2) and its variance. A single such vote
 * is right or wrong with the variance v(1 - v), of which maj(1 - maj) + variance is an unbiased estimate. That of the whole
 * vote is taken to be three quarters of it. Over problems whose margins are spread evenly it falls as 1/√n once n is
 * large, by 0.71, and from two candidates to four or four to eight by 0.77. A vote of two is the vote of its first.
 */
function spreadOfVote(ofHalf: number, variance: number, n: number): Spread {
  const ofOne = ofHalf * (1 - ofHalf) + variance;
  return { variance: (n > 2 ? 0.75 : 1) * ofOne, degrees: 1 };
}

/** Of an unbiased variance: as many degrees of freedom as disjoint k-subsets among n can differ. */
function partitionSpread(variance: number, n: number, k: number): Spread {
  return { variance, degrees: Math.floor(n / k) - 1 };
}

function countRight(candidates: readonly Pick<Candidate, "answer">[], expected: string): number {
  return candidates.reduce((count, { answer }) => count + (answer === expected ? 1 : 0), 0);
}
