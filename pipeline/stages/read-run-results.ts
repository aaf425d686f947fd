import { hash } from "node:crypto";
import { basename, resolve } from "node:path";
import { selectedFile, verdictsFile } from "../artifacts/artifact-file.ts";
import { voteKey } from "../artifacts/identifier.ts";
import type { Summary } from "../artifacts/summary.ts";
import type { Verdict } from "../artifacts/verdict.ts";
import { isLost } from "../core/ledger.ts";
import type { ProblemResult, RunResults } from "../core/run-results.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { type VoteOptions, voteRuleOf } from "../core/vote.ts";
import { readCandidateTable, unknownProblem } from "./candidate-table.ts";
import type { RunStore } from "./ports.ts";
import { repeatedRow } from "./repeated-row.ts";

const defaultVote: VoteOptions = { ties: "first-seen", fallback: null };

/**
 * Reads what a scored run came to. Throws a UserError where the run is not scored, or where its verdicts do not belong
 * to its candidates.
 */
export async function readRunResults(store: RunStore, summary: Summary | undefined): Promise<RunResults> {
  if (summary === undefined || !(await store.has(verdictsFile))) {
    throw new UserError(`${store.directory} holds no scored run.`, {
      hint: "Finish it (`sctir status` says where it stands), or score what is there: `sctir score DIR`.",
      exitCode: exitCodes.checkFailed,
    });
  }
  const manifest = await store.readManifest();
  const table = await readCandidateTable(store, manifest ? voteRuleOf(manifest.config) : defaultVote);
  const statementHashes = new Map<string, string>();
  for await (const { problemId, statement } of store.rows(selectedFile)) {
    statementHashes.set(problemId, hash("sha256", statement));
  }
  const verdicts = await readVerdicts(store, statementHashes);
  const problems = table.problems.map(({ problemId, set, gold }): ProblemResult => {
    const replicates = Array.from({ length: table.replicates }, (_, replicate) => {
      const verdict = verdicts.get(voteKey({ problemId, replicate }));
      const rows = table.candidates(problemId, replicate);
      if (verdict === undefined || rows.length !== table.width || verdict.candidates !== rows.length) {
        throw stale(store, `${problemId}, replicate ${replicate}`);
      }
      const candidates = rows.map((row) => {
        const { candidate, outcome, answer, turns, tokens, milliseconds, meta, weight } = row;
        const lost = isLost(row, meta?.lastExecution === "crashed");
        return {
          ...{ candidate, outcome, turns, tokens, milliseconds, lost },
          ...(answer === undefined ? {} : { answer }),
          ...(meta === undefined ? {} : { meta }),
          ...(weight === undefined ? {} : { weight }),
        };
      });
      const credit = typeof verdict.meta?.credit === "number" ? verdict.meta.credit : Number(verdict.correct);
      return { elected: verdict.answer, correct: verdict.correct, credit, candidates };
    });
    const expected = verdicts.get(voteKey({ problemId, replicate: 0 }))?.expected ?? "";
    return { problemId, set, gold, expected, statementHash: statementHashes.get(problemId) ?? "", replicates };
  });
  return {
    name: basename(resolve(store.directory)),
    directory: store.directory,
    manifest,
    summary,
    problems,
    replicates: table.replicates,
    width: table.width,
  };
}

async function readVerdicts(store: RunStore, known: ReadonlyMap<string, unknown>): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  for await (const row of store.rows(verdictsFile)) {
    const { problemId, replicate } = row;
    if (!known.has(problemId)) throw unknownProblem(verdictsFile.name, problemId);
    if (verdicts.has(voteKey(row))) throw await repeatedRow(store, verdictsFile, { problemId, replicate });
    verdicts.set(voteKey(row), row);
  }
  return verdicts;
}

function stale({ directory }: RunStore, which: string): UserError {
  return new UserError(`${directory}: verdicts.jsonl does not belong to candidates.jsonl: ${which}.`, {
    hint: "Run `sctir vote DIR` and `sctir score DIR` again.",
    exitCode: exitCodes.checkFailed,
  });
}
