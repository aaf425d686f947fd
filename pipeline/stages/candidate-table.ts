import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import { byKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { type VoteOptions, weightOf } from "../core/vote.ts";
import { CandidateColumns, type TableCandidate } from "./candidate-columns.ts";
import type { RunStore } from "./ports.ts";
import { repeatedRow } from "./repeated-row.ts";

/** A selected problem without its statement. */
export type TableProblem = Pick<SelectedProblem, "problemId" | "set" | "gold" | "answer">;

/** Selected problems and their candidates, whatever order the rows came in. */
export interface CandidateTable {
  problems: TableProblem[]; // sorted by problemId
  replicates: number; // the largest replicate seen, plus 1; 1 at least
  width: number; // the largest candidate seen, plus 1; 0 without any
  /** The candidates that there are, by number. They are made at each call: all of them at once would fill the memory. */
  candidates(problemId: string, replicate: number): TableCandidate[];
}

/**
 * Reads selected.jsonl and candidates.jsonl. Throws a UserError where a problem or candidate stands there twice, a
 * candidate's problem is not selected, no problem is, or one with an answer lacks the score that the vote goes by.
 */
export async function readCandidateTable(store: RunStore, vote: VoteOptions): Promise<CandidateTable> {
  const problems = await readProblems(store);
  const problemIds = problems.map(({ problemId }) => problemId);
  const numbers = new Map(problemIds.map((problemId, number) => [problemId, number]));
  const columns = new CandidateColumns(problemIds);
  let [replicates, width] = [1, 0];
  let hasPrograms = false;
  for await (const row of store.rows(candidatesFile)) {
    const problem = numbers.get(row.problemId);
    if (problem === undefined) throw unknownProblem(candidatesFile.name, row.problemId);
    columns.add(problem, row, vote.rule === "majority" ? undefined : checkedWeight(row, vote));
    hasPrograms ||= row.meta?.lastExecution !== undefined;
    replicates = Math.max(replicates, row.replicate + 1);
    width = Math.max(width, row.candidate + 1);
  }
  if (vote.rule === "drop-errors" && !hasPrograms && width > 0) {
    throw new UserError("No candidate in candidates.jsonl has run a program, so vote.rule drop-errors leaves none.", {
      hint: "How its last program ended stands in meta.lastExecution of a candidate's row. Choose another rule.",
    });
  }
  const repeat = columns.sort();
  if (repeat) throw await repeatedRow(store, candidatesFile, repeat);
  const candidates = (problemId: string, replicate: number) => {
    const problem = numbers.get(problemId);
    return problem === undefined ? [] : columns.group(problem, replicate);
  };
  return { problems, replicates, width, candidates };
}

/** What the candidate's ballot weighs. Throws a UserError where its score is missing or no weight. */
function checkedWeight(row: Candidate, vote: VoteOptions): number | undefined {
  const weight = weightOf(row, vote);
  if (row.answer === undefined || vote.rule === "drop-errors") return weight;
  if (weight !== undefined && Number.isFinite(weight) && (vote.rule === "best-of-n" || weight >= 0)) return weight;
  const { problemId, replicate, candidate } = row;
  const which = `${problemId}, replicate ${replicate}, candidate ${candidate}`;
  const path = vote.score ?? "meta.score";
  if (weight === undefined) {
    throw new UserError(`candidates.jsonl has no number at ${path} for ${which}, which vote.rule ${vote.rule} needs.`, {
      hint: "Name the field that holds it with vote.score (`sctir vote --score`), or add it to the rows under meta.",
    });
  }
  throw new UserError(`candidates.jsonl: ${path} of ${which} weighs ${weight}, which is no weight.`, {
    hint: "Weights are at least 0. For log-probabilities set vote.weight to exp, for logits to sigmoid.",
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
