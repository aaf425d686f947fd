import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import { turnsFile, verdictsFile, votesFile } from "../artifacts/artifact-file.ts";
import { voteKey } from "../artifacts/identifier.ts";
import type { Summary } from "../artifacts/summary.ts";
import type { Verdict } from "../artifacts/verdict.ts";
import { expectedAnswer } from "../core/answer-policy.ts";
import { JournalFacts } from "../core/journal-facts.ts";
import { isLost, silenceOf } from "../core/ledger.ts";
import { sum } from "../core/sum.ts";
import { type RunSetting, type SummaryProblem, summarize } from "../core/summarize.ts";
import { TimeLine } from "../core/time-line.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { creditOf, type VoteOptions } from "../core/vote.ts";
import { type CandidateTable, readCandidateTable, type TableCandidate, unknownProblem } from "./candidate-table.ts";
import type { RunStore } from "./ports.ts";
import { repeatedRow } from "./repeated-row.ts";

export interface ScoreOptions {
  policy: AnswerPolicy;
  vote: VoteOptions;
  runId: string;
  setting: RunSetting;
}

/**
 * score: says which votes are right, and how far the result can be trusted. Reads selected.jsonl, candidates.jsonl,
 * votes.jsonl and, where there is one, the journal turns.jsonl; writes verdicts.jsonl, sorted by key, and summary.json.
 *
 * Throws a UserError instead of a number that would mean nothing: where candidates or votes are missing, or everything
 * was lost to the engine. Neither file is written then.
 */
export async function runScore(store: RunStore, options: ScoreOptions): Promise<Summary> {
  const table = await readCandidateTable(store, options.vote);
  checkComplete(table);
  const elected = await readElected(store, table);
  const { journal, timeLine } = await readJournal(store, table);
  const problems = () => summaryProblems(table, elected, journal, options.policy);
  checkNotAllLost(table, journal);
  const summary = summarize(problems(), { ...options, width: table.width, journal, timeLine });
  await store.replace(verdictsFile, verdictsOf(problems(), options.vote));
  await store.writeSummary(summary);
  return summary;
}

/** Problem by problem: all candidates at once would fill the memory. */
function* summaryProblems(
  table: CandidateTable,
  elected: ReadonlyMap<string, string | null>,
  journal: JournalFacts | undefined,
  policy: AnswerPolicy,
): Generator<SummaryProblem> {
  for (const problem of table.problems) {
    const { problemId } = problem;
    const replicates = range(table.replicates).map((replicate) => {
      const candidates = table.candidates(problemId, replicate).map((row) => {
        const ending = journal?.ending(row);
        return {
          ...row,
          lost: isLost(row, ending?.execution === "crashed"),
          silence: silenceOf(row, ending),
          fingerprint: journal?.fingerprint(row),
        };
      });
      return { candidates, elected: elected.get(voteKey({ problemId, replicate })) ?? null };
    });
    yield { ...problem, expected: expectedAnswer(problem.answer, policy), replicates };
  }
}

function* verdictsOf(problems: Iterable<SummaryProblem>, vote: VoteOptions): Generator<Verdict> {
  for (const { problemId, set, gold, expected, replicates } of problems) {
    for (const [replicate, { candidates, elected }] of replicates.entries()) {
      const correct = elected === expected;
      const credit = creditOf(elected, expected, candidates, vote);
      const solvedBy = candidates.filter(({ answer }) => answer === expected).length;
      yield {
        ...{ problemId, set, replicate, gold, expected },
        ...{ answer: elected, correct, solvedBy, candidates: candidates.length },
        ...(credit === Number(correct) ? {} : { meta: { credit } }),
      };
    }
  }
}

/** A run whose candidates are not problems × replicates × width has no headline. */
function checkComplete({ problems, replicates, width, count }: CandidateTable): void {
  const rerun = "Run `sctir run` with its config again, which generates what is missing, or add the rows.";
  if (width === 0) {
    throw new UserError("candidates.jsonl holds no candidate.", { hint: rerun, exitCode: exitCodes.checkFailed });
  }
  const gaps = problems
    .map(({ problemId }) => {
      const present = sum(range(replicates).map((replicate) => count(problemId, replicate)));
      return { problemId, missing: replicates * width - present };
    })
    .filter(({ missing }) => missing > 0);
  if (gaps.length === 0) return;
  const total = sum(gaps.map(({ missing }) => missing));
  const planned = `${problems.length} problems × ${replicates} replicates × ${width} candidates`;
  throw new UserError(
    `The run is incomplete: candidates.jsonl lacks ${total} of ${problems.length * replicates * width} rows ` +
      `(${planned}): ${firstThree(gaps.map(({ problemId, missing }) => `${problemId} lacks ${missing}`))}.`,
    { hint: `No score is told of a part. ${rerun}`, exitCode: exitCodes.checkFailed },
  );
}

/** What each vote elected, by key. They must be there, once each, and from the candidates that are there. */
async function readElected(store: RunStore, table: CandidateTable): Promise<Map<string, string | null>> {
  const { problems, replicates, count } = table;
  const known = new Set(problems.map(({ problemId }) => problemId));
  const elected = new Map<string, string | null>();
  for await (const row of store.rows(votesFile)) {
    const { problemId, replicate } = row;
    if (!known.has(problemId)) throw unknownProblem(votesFile.name, problemId);
    if (elected.has(voteKey(row))) throw await repeatedRow(store, votesFile, { problemId, replicate });
    const present = count(problemId, replicate);
    if (row.candidates !== present) {
      throw staleVotes(`${problemId}, replicate ${replicate}: a vote of ${row.candidates} candidates, not ${present}`);
    }
    elected.set(voteKey(row), row.answer);
  }
  const missing = problems.flatMap(({ problemId }) =>
    range(replicates).flatMap((replicate) =>
      elected.has(voteKey({ problemId, replicate })) ? [] : [`${problemId}, replicate ${replicate}`],
    ),
  );
  if (missing.length > 0) throw staleVotes(`it has no vote on ${firstThree(missing)}`);
  return elected;
}

function staleVotes(what: string): UserError {
  return new UserError(`votes.jsonl does not belong to candidates.jsonl: ${what}.`, {
    hint: "Run `sctir vote DIR` again.",
    exitCode: exitCodes.checkFailed,
  });
}

/** Empty where there is no turns.jsonl, as in a run written by another tool. */
async function readJournal(
  store: RunStore,
  table: CandidateTable,
): Promise<{ journal: JournalFacts | undefined; timeLine: TimeLine | undefined }> {
  if (!(await store.has(turnsFile))) return { journal: undefined, timeLine: undefined };
  const known = new Set(table.problems.map(({ problemId }) => problemId));
  const journal = new JournalFacts();
  const timeLine = new TimeLine();
  for await (const row of store.rows(turnsFile)) {
    if (!known.has(row.problemId)) throw unknownProblem(turnsFile.name, row.problemId);
    if (!journal.add(row)) {
      const { problemId, replicate, candidate, turn } = row;
      throw await repeatedRow(store, turnsFile, { problemId, replicate, candidate, turn });
    }
    timeLine.add(row);
  }
  return { journal, timeLine };
}

/** A set whose every candidate was lost was not evaluated: it is no 0 %. */
function checkNotAllLost(table: CandidateTable, journal: JournalFacts | undefined): void {
  const lost = new Set(table.problems.map(({ set }) => set));
  for (const { problemId, set } of table.problems) {
    if (!lost.has(set)) continue; // some other problem of it was evaluated
    const candidates = range(table.replicates).flatMap((replicate) => table.candidates(problemId, replicate));
    const says = (row: TableCandidate) =>
      row.outcome !== "decided" && !isLost(row, journal?.ending(row)?.execution === "crashed");
    if (candidates.some(says)) lost.delete(set);
  }
  if (lost.size === 0) return;
  throw new UserError(
    `Every candidate of ${[...lost].join(", ")} was lost to the engine or the sandbox, or cancelled.`,
    {
      hint: "That says nothing about the model, so there is no score. See why the engine failed, and run this again.",
      exitCode: exitCodes.unavailable,
    },
  );
}

function firstThree(items: readonly string[]): string {
  const rest = items.length > 3 ? ` and ${items.length - 3} more` : "";
  return `${items.slice(0, 3).join("; ")}${rest}`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
