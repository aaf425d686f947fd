import { type Candidate, candidateOutcomes } from "../artifacts/candidate.ts";
import { executionOutcomes } from "../artifacts/execution.ts";
import type { CandidateKey } from "../artifacts/identifier.ts";
import type { SetSummary } from "../artifacts/summary.ts";
import { estimatesOf } from "./estimates.ts";
import { type JournalFacts, zeros } from "./journal-facts.ts";
import { Counts, imbalance, type LedgerEntry } from "./ledger.ts";
import type { ProblemScore } from "./problem-score.ts";
import type { TimeLine } from "./time-line.ts";

/** A candidate, without its texts: what became of it, and a fingerprint of all that it wrote. */
export type SummaryCandidate = LedgerEntry &
  Pick<Candidate, "problemId" | "replicate" | "tokens" | "milliseconds"> & { fingerprint: string | undefined };

/** What came of one problem. */
export interface ProblemResult {
  score: ProblemScore;
  votes: VoteResult[]; // by replicate
}

export interface VoteResult {
  candidates: readonly SummaryCandidate[];
  /** How right it would be, had the lost candidates been wrong (low) or right (high). */
  bounds: { low: number; high: number };
  unsolved: string | undefined; // why it is not right
  repeats: number; // candidates with the whole text of another
  followsRule: boolean; // the run's own vote rule elects the same
  tokensAfterDecision: number;
}

interface AccountOptions {
  sizes: readonly number[]; // the k of pass@k and maj@k
  width: number;
  journal: JournalFacts | undefined;
  timeLine: TimeLine | undefined;
  setting: { slots: number };
}

/** The account of a set, or of all: adds up what came of its problems, and keeps a score of each, but no candidate. */
export class SetAccount {
  votes = 0;
  candidates = 0;
  lost = 0;
  repeats = 0;
  copiedVotes = 0; // all of whose candidates have the same text
  unruledVotes = 0; // on which the run's rule elects another answer
  divergedSessions = 0;
  lackingModules = 0; // candidates of which an execution ended for want of a module
  readonly missingModules = new Counts();
  readonly ledger = zeros(candidateOutcomes);
  /** Whether any turn was finished, or a candidate ended for another reason than that its time was up. */
  saysSomething = false;
  readonly #executions = zeros(executionOutcomes);
  readonly #scores: ProblemScore[] = [];
  readonly #silences = new Counts();
  readonly #unsolved = new Counts();
  readonly #bounds = { low: 0, high: 0 };
  readonly #tokens = { prompt: 0, completion: 0 };
  readonly #groups: Pick<CandidateKey, "problemId" | "replicate">[] = [];
  readonly #options: AccountOptions;
  #truncatedTurns = 0;
  #milliseconds = 0;
  #tokensAfterDecision = 0;
  #lostMilliseconds = 0;

  constructor(options: AccountOptions) {
    this.#options = options;
  }

  add({ score, votes }: ProblemResult): void {
    this.#scores.push(score);
    for (const vote of votes) this.#addVote(vote);
  }

  #addVote({ candidates, bounds, unsolved, repeats, followsRule, tokensAfterDecision }: VoteResult): void {
    this.votes += 1;
    this.#bounds.low += bounds.low;
    this.#bounds.high += bounds.high;
    this.#unsolved.add(unsolved);
    this.repeats += repeats;
    if (repeats > 0 && repeats === candidates.length - 1) this.copiedVotes += 1;
    if (!followsRule) this.unruledVotes += 1;
    this.#tokensAfterDecision += tokensAfterDecision;
    const [first] = candidates;
    if (first) this.#groups.push({ problemId: first.problemId, replicate: first.replicate });
    for (const candidate of candidates) this.#addCandidate(candidate);
    this.#addJournal(candidates);
  }

  #addCandidate({ outcome, silence, lost, turns, tokens, milliseconds, meta }: SummaryCandidate): void {
    this.candidates += 1;
    this.ledger[outcome] += 1;
    this.#silences.add(silence);
    if (lost) this.lost += 1;
    if (outcome !== "budget" || turns > 0) this.saysSomething = true;
    this.#tokens.prompt += tokens.prompt;
    this.#tokens.completion += tokens.completion;
    this.#milliseconds += milliseconds;
    this.#lostMilliseconds += typeof meta?.lostMilliseconds === "number" ? meta.lostMilliseconds : 0;
  }

  #addJournal(keys: readonly CandidateKey[]): void {
    const { journal } = this.#options;
    if (journal === undefined) return;
    const { executions, truncatedTurns } = journal.totals(keys);
    for (const outcome of executionOutcomes) this.#executions[outcome] += executions[outcome];
    this.#truncatedTurns += truncatedTurns;
    this.divergedSessions += journal.divergedSessions(keys);
    for (const modules of journal.missingModules(keys)) {
      this.lackingModules += 1;
      for (const module of modules) this.missingModules.add(module);
    }
  }

  /** Throws where the ledger does not balance, which a caller has to rule out. */
  summary(): SetSummary {
    const { sizes, width, timeLine, setting } = this.#options;
    const problems = this.#scores.length;
    const replicates = this.votes / problems;
    if (imbalance(this.ledger, { problems, replicates, width }) !== 0) {
      throw new Error(`the ledger of ${this.candidates} candidates does not balance`);
    }
    return {
      problems,
      replicates,
      width,
      ...estimatesOf(this.#scores, sizes, replicates),
      bounds: { low: this.#bounds.low / this.votes, high: this.#bounds.high / this.votes },
      ledger: this.ledger,
      silences: this.#silences.mostFirst(),
      unsolved: this.#unsolved.mostFirst(),
      executions: this.#executions,
      truncatedTurns: this.#truncatedTurns,
      lostCandidates: this.lost,
      identicalCandidates: this.repeats,
      tokens: this.#tokens,
      seconds: this.#milliseconds / 1000,
      ...timeLine?.account({
        keys: this.#groups,
        slots: setting.slots,
        tokensAfterDecision: this.#tokensAfterDecision,
        lostMilliseconds: this.#lostMilliseconds,
      }),
    };
  }
}
