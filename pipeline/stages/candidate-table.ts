import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import { byKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
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
 * candidate's problem is not selected, or no problem is.
 */
export async function readCandidateTable(store: RunStore): Promise<CandidateTable> {
  const problems = await readProblems(store);
  const problemIds = problems.map(({ problemId }) => problemId);
  const numbers = new Map(problemIds.map((problemId, number) => [problemId, number]));
  const columns = new CandidateColumns(problemIds);
  let [replicates, width] = [1, 0];
  for await (const row of store.rows(candidatesFile)) {
    const problem = numbers.get(row.problemId);
    if (problem === undefined) throw unknownProblem(candidatesFile.name, row.problemId);
    columns.add(problem, row);
    replicates = Math.max(replicates, row.replicate + 1);
    width = Math.max(width, row.candidate + 1);
  }
  const repeat = columns.sort();
  if (repeat) throw await repeatedRow(store, candidatesFile, repeat);
  const candidates = (problemId: string, replicate: number) => {
    const problem = numbers.get(problemId);
    return problem === undefined ? [] : columns.group(problem, replicate);
  };
  return { problems, replicates, width, candidates };
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
