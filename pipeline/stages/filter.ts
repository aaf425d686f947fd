import { problemsFile, rejectedFile, selectedFile } from "../artifacts/artifact-file.ts";
import type { Problem, RejectedProblem, SelectedProblem } from "../artifacts/problem.ts";
import type { ProblemSource } from "../artifacts/run-config.ts";
import { type AnswerRule, readGold } from "../core/gold-answer.ts";
import { randomStream, shuffled } from "../core/seed.ts";
import { statementDigest } from "../core/statement.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "./ports.ts";
import { repeatedRow } from "./repeated-row.ts";

export interface FilterResult {
  selected: number;
  rejected: number;
  /** Kept rows by set, after the answer rule and before take or sample. */
  kept: Map<string, number>;
  flags: Map<string, number>;
}

interface FilterOptions {
  rule: AnswerRule;
  /** By set; a set that is absent (as where a problems.jsonl was written by hand) is kept whole. */
  sources: readonly Pick<ProblemSource, "set" | "take" | "sample">[];
}

/**
 * filter: keeps the problems whose gold answer is an integer by the rule, then what take or sample asks for; every
 * other row goes to rejected.jsonl with its reason. A set of which nothing is left is an error: it would be evaluated
 * as a green nothing.
 */
export async function runFilter(store: RunStore, options: FilterOptions): Promise<FilterResult> {
  const kept: SelectedProblem[] = [];
  const rejected: RejectedProblem[] = [];
  const seen = new Set<string>();
  for await (const problem of store.rows(problemsFile)) {
    const { problemId } = problem;
    if (seen.has(problemId)) {
      const hint = "A problemId must be unique and stable. Map fields.id to a unique field.";
      throw await repeatedRow(store, problemsFile, { problemId }, hint);
    }
    seen.add(problemId);
    const gold = readGold(problem.gold, options.rule);
    if ("reason" in gold) rejected.push(rejection(problem, gold.reason));
    else kept.push({ ...problem, answer: gold.answer, flags: gold.borderline ? ["borderline"] : [] });
  }
  const selected = takeFromSets(kept, options.sources, rejected);
  checkEverySet(seen, selected, rejected);
  const flagged = flagDuplicates(selected);
  await store.replace(selectedFile, flagged);
  await store.replace(rejectedFile, rejected);
  return {
    selected: flagged.length,
    rejected: rejected.length,
    kept: countBy(kept, ({ set }) => [set]),
    flags: countBy(flagged, ({ flags }) => flags),
  };
}

function rejection({ problemId, set, gold }: Problem, reason: string): RejectedProblem {
  return { problemId, set, gold, reason };
}

/** What `take` and `sample` leave of each set, in the given order. */
function takeFromSets(
  problems: readonly SelectedProblem[],
  sources: FilterOptions["sources"],
  rejected: RejectedProblem[],
): SelectedProblem[] {
  const chosen = new Map<string, Set<string>>();
  const reasons = new Map<string, string>();
  for (const { set, take, sample } of sources) {
    const ids = problems.filter((problem) => problem.set === set).map(({ problemId }) => problemId);
    if (take !== undefined) {
      chosen.set(set, new Set(ids.slice(0, take)));
      reasons.set(set, `not among the first ${take} (take)`);
    } else if (sample !== undefined) {
      // By sorted keys, so that the same problems are drawn whatever order the file has.
      chosen.set(set, new Set(shuffled(ids.toSorted(), randomStream(sample.seed)).slice(0, sample.size)));
      reasons.set(set, `not drawn (sample of ${sample.size}, seed ${sample.seed})`);
    }
  }
  return problems.filter((problem) => {
    if (chosen.get(problem.set)?.has(problem.problemId) ?? true) return true;
    rejected.push(rejection(problem, reasons.get(problem.set) ?? "not taken"));
    return false;
  });
}

function checkEverySet(
  problemIds: Iterable<string>,
  selected: readonly SelectedProblem[],
  rejected: readonly RejectedProblem[],
): void {
  const sets = new Set(Array.from(problemIds, (problemId) => problemId.slice(0, problemId.indexOf("/"))));
  if (sets.size === 0)
    throw new UserError("problems.jsonl is empty: there is nothing to evaluate.", { hint: "Load a set." });
  const left = new Set(selected.map(({ problemId }) => problemId.slice(0, problemId.indexOf("/"))));
  for (const set of sets) {
    if (left.has(set)) continue;
    const example = rejected.find(({ problemId }) => problemId.startsWith(`${set}/`));
    throw new UserError(`No problem of the set ${set} is left after filtering.`, {
      hint: example ? `For example ${example.problemId} was left out: ${example.reason}.` : "Check the filter.",
    });
  }
}

/** Marks problems that share their statement (blanks and case aside), within a set and across sets. */
function flagDuplicates(problems: readonly SelectedProblem[]): SelectedProblem[] {
  const digests = new Map(problems.map((problem) => [problem, statementDigest(problem.statement)]));
  const groups = Map.groupBy(problems, (problem) => digests.get(problem));
  return problems.map((problem) => {
    const group = groups.get(digests.get(problem)) ?? [];
    if (group.length < 2) return problem;
    const others = group.map(({ problemId }) => problemId).filter((id) => id !== problem.problemId);
    return {
      ...problem,
      flags: [...problem.flags, "duplicateStatement"],
      meta: { ...problem.meta, duplicateOf: others },
    };
  });
}

function countBy<Row>(rows: readonly Row[], names: (row: Row) => readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of rows.flatMap(names)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
