import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import { executionOutcomes } from "../artifacts/execution.ts";
import { byKey, metaMilliseconds } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import { NumberColumn } from "../core/number-column.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { type VoteOptions, weightOf } from "../core/vote.ts";
import { PackedCandidates } from "./packed-candidates.ts";
import type { RunStore } from "./ports.ts";
import { repeatedRow } from "./repeated-row.ts";

/** A selected problem without its statement. */
export type TableProblem = Pick<SelectedProblem, "problemId" | "set" | "gold" | "answer">;

/**
 * A candidate without its raw answer; of `meta` only what the vote and the account of time look at. `weight`: what its
 * ballot weighs under the run's vote rule, where that is not the majority.
 */
export type TableCandidate = Omit<Candidate, "rawAnswer"> & { weight?: number };

/** Selected problems and their candidates, whatever order the rows came in. */
export interface CandidateTable {
  problems: TableProblem[]; // sorted by problemId
  replicates: number; // the largest replicate seen, plus 1; 1 at least
  width: number; // the largest candidate seen, plus 1; 0 without any
  /** The candidates that there are, by number. They are made at each call: all of them at once would fill the memory. */
  candidates(problemId: string, replicate: number): TableCandidate[];
  /** How many there are. */
  count(problemId: string, replicate: number): number;
}

/**
 * Reads selected.jsonl and candidates.jsonl. Throws a UserError where a problem or candidate stands there twice, a
 * candidate's problem is not selected, no problem is, or one with an answer lacks the score that the vote goes by.
 */
export async function readCandidateTable(store: RunStore, vote: VoteOptions): Promise<CandidateTable> {
  const problems = await readProblems(store);
  const known = new Set(problems.map(({ problemId }) => problemId));
  const packed = new PackedCandidates();
  const weights = new NumberColumn(Float64Array); // by line; NaN: none
  let [replicates, width] = [1, 0];
  let hasPrograms = false;
  for await (const row of store.rows(candidatesFile)) {
    const { problemId, replicate, candidate } = row;
    if (!known.has(problemId)) throw unknownProblem(candidatesFile.name, problemId);
    if (packed.has(row)) throw await repeatedRow(store, candidatesFile, { problemId, replicate, candidate });
    const line = packed.set(compact(row));
    if (vote.rule !== "majority") weights.set(line, checkedWeight(row, vote) ?? Number.NaN);
    hasPrograms ||= row.meta?.lastExecution !== undefined;
    replicates = Math.max(replicates, replicate + 1);
    width = Math.max(width, candidate + 1);
  }
  if (vote.rule === "drop-errors" && !hasPrograms && width > 0) {
    throw new UserError("No candidate in candidates.jsonl has run a program, so vote.rule drop-errors leaves none.", {
      hint: "How its last program ended stands in meta.lastExecution of a candidate's row. Choose another rule.",
    });
  }
  const candidateAt = (line: number): TableCandidate => {
    const weight = vote.rule === "majority" ? Number.NaN : weights.at(line);
    return Number.isNaN(weight) ? packed.at(line) : { ...packed.at(line), weight };
  };
  return {
    problems,
    replicates,
    width,
    candidates: (problemId, replicate) => packed.group(problemId, replicate).map(candidateAt),
    count: (problemId, replicate) => packed.group(problemId, replicate).length,
  };
}

/** Without what may be long, and nobody asks for. Field by field, as the rest of an object takes longer than its parsing. */
function compact(row: Candidate): Candidate {
  const { problemId, replicate, candidate, outcome, answer, turns, tokens, milliseconds, meta } = row;
  const kept: Candidate = { problemId, replicate, candidate, outcome, turns, tokens, milliseconds };
  if (answer !== undefined) kept.answer = answer;
  if (meta !== undefined) kept.meta = compactMeta(meta);
  return kept;
}

function compactMeta(meta: NonNullable<Candidate["meta"]>): NonNullable<Candidate["meta"]> {
  const lastExecution = executionOutcomes.find((outcome) => outcome === meta.lastExecution);
  const lostMilliseconds = metaMilliseconds(meta, "lostMilliseconds");
  return {
    ...(meta.pruned === true ? { pruned: true } : {}),
    ...(lostMilliseconds === 0 ? {} : { lostMilliseconds }),
    ...(lastExecution === undefined ? {} : { lastExecution }),
  };
}

/** Sums of such weights are finite. */
const heaviest = 1e300;

/** What the candidate's ballot weighs. Throws a UserError where its score is missing or no weight. */
function checkedWeight(row: Candidate, vote: VoteOptions): number | undefined {
  const weight = weightOf(row, vote);
  if (row.answer === undefined || vote.rule === "drop-errors") return weight;
  if (weight !== undefined && Math.abs(weight) <= heaviest && (vote.rule === "best-of-n" || weight >= 0)) return weight;
  const { problemId, replicate, candidate } = row;
  const which = `${problemId}, replicate ${replicate}, candidate ${candidate}`;
  const path = vote.score ?? "meta.score";
  if (weight === undefined) {
    throw new UserError(`candidates.jsonl has no number at ${path} for ${which}, which vote.rule ${vote.rule} needs.`, {
      hint: "Name the field that holds it with vote.score (`sctir vote --score`), or add it to the rows under meta.",
    });
  }
  throw new UserError(`candidates.jsonl: ${path} of ${which} weighs ${weight}, which is no weight.`, {
    hint: "Weights are from 0 to 1e300. For log-probabilities set vote.weight to exp, for logits to sigmoid.",
  });
}

/** Sorted by problemId. */
async function readProblems(store: RunStore): Promise<TableProblem[]> {
  const problems = new Map<string, TableProblem>();
  for await (const { problemId, set, gold, answer } of store.rows(selectedFile)) {
    if (problems.has(problemId)) throw await repeatedRow(store, selectedFile, { problemId });
    problems.set(problemId, { problemId, set, gold, answer });
  }
  if (problems.size > 0) return [...problems.values()].sort(byKey);
  throw new UserError("selected.jsonl holds no problem.", {
    hint: "Check problems and filter in the config, then run `sctir filter` again.",
    exitCode: exitCodes.checkFailed,
  });
}

export function unknownProblem(file: string, problemId: string): UserError {
  return new UserError(`${file} has a row for ${problemId}, which is not in selected.jsonl.`, {
    hint: "The two files must come from the same run.",
  });
}
