import type { Profile } from "../artifacts/profile.ts";
import type { Summary } from "../artifacts/summary.ts";
import { canEndEarly, certainWinner, type EarlyWinnerOptions } from "./early-stop/early-winner.ts";
import type { JournalFacts } from "./journal-facts.ts";
import { boundsOf, countRepeats, unsolvedCause } from "./ledger.ts";
import { type ProblemScore, scoreProblem, sizesUpTo } from "./problem-score.ts";
import { randomStream, seedOf } from "./seed.ts";
import { SetAccount, type SummaryCandidate, type VoteResult } from "./set-account.ts";
import { sum } from "./sum.ts";
import type { TimeLine } from "./time-line.ts";
import { creditOf, type Lots, lotsOf, type VoteOptions, type Voter, vote } from "./vote.ts";

/** A problem with every candidate that the run planned for it. */
export interface SummaryProblem {
  problemId: string;
  set: string;
  gold: string;
  expected: string; // under the answer policy
  replicates: SummaryVote[];
}

/** A problem's candidates in one replicate, sorted by number, and what votes.jsonl says they elected. */
export interface SummaryVote {
  candidates: SummaryCandidate[];
  elected: string | null;
}

interface SummaryOptions {
  runId: string;
  vote: VoteOptions;
  width: number;
  journal: JournalFacts | undefined;
  timeLine: TimeLine | undefined;
  setting: RunSetting;
}

/** What a run was allowed to do, as far as the account of its waste depends on it. */
export interface RunSetting {
  slots: number; // turns that could have been in flight at a time
  depth: number; // turns per candidate at most
  afterAnswer: Profile["afterAnswer"];
}

/** The seed of the resampling behind intervals: the same artifacts give the same summary. */
const resamplingSeed = 1;

/**
 * The summary of a complete run: per set and of all. Every problem weighs the same, also where sets differ in size. Takes
 * the problems one by one and keeps none, so that they need not be in memory all at once.
 * Throws where a ledger does not balance, which a caller has to rule out.
 */
export function summarize(problems: Iterable<SummaryProblem>, options: SummaryOptions): Summary {
  const sizes = sizesUpTo(options.width);
  const newAccount = () => new SetAccount({ ...options, sizes });
  const all = newAccount();
  const sets = new Map<string, SetAccount>();
  for (const problem of problems) {
    const ofSet = sets.get(problem.set) ?? newAccount();
    sets.set(problem.set, ofSet);
    const votes = problem.replicates.map((each, replicate) => {
      const lots = lotsOf(options.vote, { problemId: problem.problemId, replicate });
      return resultOf(each, problem.expected, lots, options);
    });
    const result = { score: score(problem, sizes, options.vote), votes };
    for (const account of [ofSet, all]) account.add(result);
  }
  const inOrder = [...sets].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const summaries = inOrder.map(([name, account]) => [name, account.summary()] as const);
  const [only, ...others] = summaries;
  return {
    formatVersion: 1,
    runId: options.runId,
    sets: Object.fromEntries(summaries),
    all: only && others.length === 0 ? only[1] : all.summary(), // a run of one set is that set
    warnings: warningsOf(all, sets, options.journal),
  };
}

function score({ problemId, expected, replicates }: SummaryProblem, sizes: number[], vote: VoteOptions): ProblemScore {
  const outcomes = replicates.map(({ candidates, elected }) => ({
    observed: candidates.filter(({ lost, outcome }) => !lost && outcome !== "decided"),
    credit: creditOf(elected, expected, candidates, vote),
  }));
  const seed = seedOf(resamplingSeed, { problemId, replicate: 0, candidate: 0, turn: 0 });
  return scoreProblem(outcomes, expected, { sizes, vote }, randomStream(seed));
}

function resultOf(
  { candidates, elected }: SummaryVote,
  expected: string,
  lots: Lots,
  { vote: rule, width, timeLine, setting }: SummaryOptions,
): VoteResult {
  const credit = creditOf(elected, expected, candidates, rule);
  // Without a lost candidate the verdict stands as it is.
  const hasLost = candidates.some(({ lost }) => lost);
  const settles = (ended: readonly Voter[]) => isDecided(ended, width, { ...rule, ...setting });
  return {
    candidates,
    bounds: hasLost ? boundsOf(candidates, expected, rule) : { low: credit, high: credit },
    unsolved: elected === expected ? undefined : unsolvedCause(candidates, expected, rule),
    repeats: countRepeats(candidates.map(({ fingerprint }) => fingerprint)),
    followsRule: vote(candidates, rule, lots).answer === elected,
    tokensAfterDecision: timeLine?.tokensAfterDecision(candidates, settles) ?? 0,
  };
}

/** Whether these candidates settle the vote, whatever the others do in their turns. */
function isDecided(ended: readonly Voter[], width: number, options: EarlyWinnerOptions): boolean {
  if (!canEndEarly(options)) return ended.length === width;
  const numbers = new Set(ended.map(({ candidate }) => candidate));
  const all = Array.from({ length: width }, (_, candidate) => ({ candidate, turns: 0 }));
  const open = all.filter(({ candidate }) => !numbers.has(candidate));
  return certainWinner({ ended, open }, options) !== undefined;
}

const modulesNamed = 5; // in a warning

/** What a reader should know before trusting the numbers. */
function warningsOf(
  all: SetAccount,
  sets: ReadonlyMap<string, SetAccount>,
  journal: JournalFacts | undefined,
): string[] {
  const warnings: string[] = [];
  if (all.lost > 0) {
    warnings.push(
      `${all.lost} of ${all.candidates} candidates were lost to the engine or the sandbox. They cast no ballot, and ` +
        "candidate accuracy, pass@k and maj@k leave them out; `bounds` says how much they could change the accuracy.",
    );
  }
  if (all.ledger.decided > 0) {
    warnings.push(
      `${all.ledger.decided} of ${all.candidates} candidates were cancelled once their vote was decided. Candidate accuracy, ` +
        "pass@k and maj@k leave them out, so they favour candidates that finish early.",
    );
  }
  for (const [set, { saysSomething }] of sets) {
    if (saysSomething) continue;
    warnings.push(`Not one turn of ${set} was finished within the budget: its figures say nothing about the model.`);
  }
  if (all.copiedVotes > 0) {
    warnings.push(
      `In ${all.copiedVotes} of ${all.votes} votes all candidates have the same text, byte for byte. At temperature 0 that is ` +
        "as it should be, and short texts repeat by chance; otherwise check that seeds reach the engine.",
    );
  }
  if (all.unruledVotes > 0) {
    warnings.push(
      `votes.jsonl elects another answer in ${all.unruledVotes} of ${all.votes} votes than the vote rule of this run. ` +
        "Accuracy follows votes.jsonl, maj@k the rule.",
    );
  }
  if (all.divergedSessions > 0) {
    warnings.push(
      `${all.divergedSessions} of ${all.candidates} candidates went on in a Python session that was rebuilt from their earlier ` +
        "blocks, which printed something else than before (`execution.rebuilt: diverged` in turns.jsonl).",
    );
  }
  if (all.lackingModules > 0) {
    const counts = Object.entries(all.missingModules.mostFirst());
    const named = counts.slice(0, modulesNamed).map(([name, count]) => `${name} (${count})`);
    const more = counts.length > named.length ? ` and ${counts.length - named.length} more` : "";
    warnings.push(
      `${sum(counts.map(([, count]) => count))} executions in ${all.lackingModules} candidates failed because a module is not ` +
        `installed: ${named.join(", ")}${more}. \`sctir doctor\` says how to add a package.`,
    );
  }
  if (journal === undefined) {
    warnings.push("There is no turns.jsonl: executions, cut-off turns and repeated texts were not counted.");
  }
  return warnings;
}
