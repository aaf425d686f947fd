import { candidatesFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import { byKey, candidateKey, voteKey } from "../artifacts/identifier.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import type { RunStore } from "./ports.ts";

/** A selected problem without its statement. */
export type TableProblem = Pick<SelectedProblem, "problemId" | "set" | "gold" | "answer">;

/** A candidate without its raw answer; of `meta` only what the vote and the account of time look at. */
export type TableCandidate = Omit<Candidate, "rawAnswer" | "meta"> & {
  meta?: { pruned?: true; lostMilliseconds?: number };
};

/** Selected problems and their candidates, whatever order the rows came in. */
export interface CandidateTable {
  problems: TableProblem[]; // sorted by problemId
  replicates: number; // the largest replicate seen, plus 1; 1 at least
  width: number; // the largest candidate seen, plus 1; 0 without any
  /** The candidates that there are, by number. */
  candidates(problemId: string, replicate: number): TableCandidate[];
}

/**
 * Reads selected.jsonl and candidates.jsonl. Throws a UserError where a problem or candidate stands there twice, a
 * candidate's problem is not selected, or no problem is.
 */
export async function readCandidateTable(store: RunStore): Promise<CandidateTable> {
  const problems = new Map<string, TableProblem>();
  for await (const { problemId, set, gold, answer } of store.rows(selectedFile)) {
    if (problems.has(problemId)) throw repeated(selectedFile.name, problemId);
    problems.set(problemId, { problemId, set, gold, answer });
  }
  if (problems.size === 0) {
    throw new UserError("selected.jsonl holds no problem.", {
      hint: "Check problems and filter in the config, then run `sctir filter` again.",
      exitCode: exitCodes.checkFailed,
    });
  }

  const rows = new Map<string, TableCandidate[]>();
  const seen = new Set<string>();
  let [replicates, width] = [1, 0];
  for await (const row of store.rows(candidatesFile)) {
    const { problemId, replicate, candidate } = row;
    if (!problems.has(problemId)) throw unknownProblem(candidatesFile.name, problemId);
    if (seen.has(candidateKey(row))) {
      throw repeated(candidatesFile.name, `${problemId}, replicate ${replicate}, candidate ${candidate}`);
    }
    seen.add(candidateKey(row));
    const group = rows.get(voteKey(row));
    if (group) group.push(compact(row));
    else rows.set(voteKey(row), [compact(row)]);
    replicates = Math.max(replicates, replicate + 1);
    width = Math.max(width, candidate + 1);
  }
  for (const group of rows.values()) group.sort((a, b) => a.candidate - b.candidate);
  return {
    problems: [...problems.values()].toSorted(byKey),
    replicates,
    width,
    candidates: (problemId, replicate) => rows.get(voteKey({ problemId, replicate })) ?? [],
  };
}

function compact({ rawAnswer: _, meta, ...row }: Candidate): TableCandidate {
  const kept: TableCandidate["meta"] = {
    ...(meta?.pruned === true ? { pruned: true } : {}),
    ...(typeof meta?.lostMilliseconds === "number" ? { lostMilliseconds: meta.lostMilliseconds } : {}),
  };
  return Object.keys(kept).length > 0 ? { ...row, meta: kept } : row;
}

export function repeated(file: string, key: string): UserError {
  return new UserError(`${file} holds two rows for ${key}.`, {
    hint: "Remove one of them, or run the stage that writes the file again.",
  });
}

export function unknownProblem(file: string, problemId: string): UserError {
  return new UserError(`${file} has a row for ${problemId}, which is not in selected.jsonl.`, {
    hint: "The two files must come from the same run.",
  });
}
