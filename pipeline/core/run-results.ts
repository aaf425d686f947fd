import type { Candidate } from "../artifacts/candidate.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { Summary } from "../artifacts/summary.ts";
import type { LedgerEntry } from "./ledger.ts";

/** A scored run, as comparisons and forecasts look at it: without any text. */
export interface RunResults {
  /** What tables call it: unique among the runs that are looked at together. */
  name: string;
  directory: string;
  /** Not there for artifacts that were made by hand or by another tool. */
  manifest: Manifest | undefined;
  summary: Summary;
  problems: ProblemResult[]; // sorted by problemId
  replicates: number;
  width: number;
}

export interface ProblemResult extends Pick<SelectedProblem, "problemId" | "set" | "gold"> {
  expected: string; // what a vote is compared with: the gold answer under the answer policy
  statementHash: string; // equal for equal statements
  replicates: ReplicateResult[]; // by replicate
}

export interface ReplicateResult {
  elected: string | null;
  correct: boolean;
  credit: number; // how right: 1, 0, or a share of a tie
  candidates: CandidateResult[]; // by number, all of the width
}

/** `lost`: to the engine or the sandbox, so that it says nothing about the model. */
export type CandidateResult = Omit<LedgerEntry, "silence"> & Pick<Candidate, "tokens" | "milliseconds">;
