import type { AnswerPolicy } from "../artifacts/answer-policy.ts";
import { candidatesFile, selectedFile, turnsFile } from "../artifacts/artifact-file.ts";
import { candidateKey } from "../artifacts/identifier.ts";
import { expectedAnswer } from "../core/answer-policy.ts";
import { isLost } from "../core/ledger.ts";
import { CandidateReplay } from "../core/simulation/shorter-candidate.ts";
import type { SimulatedProblem } from "../core/simulation/simulate.ts";
import type { ReasoningRules } from "../core/trace.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "./ports.ts";

export interface SimulationSource {
  rules: ReasoningRules;
  policy: AnswerPolicy;
  depths: readonly number[];
}

/** What a finished run tells of other settings. */
export interface Simulation {
  width: number;
  replicates: number;
  /** By depth: the problems, sorted, with their candidates as that depth would have left them. */
  problems: ReadonlyMap<number, SimulatedProblem[]>;
  lost: number; // candidates left out, as the engine or the sandbox failed them
  /** Candidates that a budget or an early stop ended: what they would have said is not known. */
  cut: { budget: number; decided: number };
}

/** Reads selected.jsonl, candidates.jsonl and the journal. Throws a UserError where one of them is missing. */
export async function readSimulation(
  store: RunStore,
  { rules, policy, depths }: SimulationSource,
): Promise<Simulation> {
  const statements = new Map<string, string>();
  const expected = new Map<string, string>();
  for await (const { problemId, statement, answer } of store.rows(selectedFile)) {
    statements.set(problemId, statement);
    expected.set(problemId, expectedAnswer(answer, policy));
  }
  const replays = new Map<string, CandidateReplay[]>();
  const replaysOf = (key: string, problemId: string) => {
    const known = replays.get(key);
    if (known) return known;
    const statement = statements.get(problemId) ?? "";
    const made = depths.map((depth) => new CandidateReplay(statement, { ...rules, depth }, policy));
    replays.set(key, made);
    return made;
  };
  for await (const row of store.rows(turnsFile)) {
    for (const replay of replaysOf(candidateKey(row), row.problemId)) replay.add(row);
  }

  const groups = new Map(depths.map((depth) => [depth, new Map<string, SimulatedProblem>()]));
  const cut = { budget: 0, decided: 0 };
  let [width, replicates, lost] = [0, 1, 0];
  for await (const row of store.rows(candidatesFile)) {
    const { problemId, replicate, outcome } = row;
    width = Math.max(width, row.candidate + 1);
    replicates = Math.max(replicates, replicate + 1);
    if (outcome === "budget" || outcome === "decided") cut[outcome] += 1;
    const isGone = isLost(row, row.meta?.lastExecution === "crashed");
    if (isGone) lost += 1;
    for (const [at, depth] of depths.entries()) {
      const problems = groups.get(depth);
      const known = problems?.get(problemId) ?? { problemId, expected: expected.get(problemId) ?? "", replicates: [] };
      problems?.set(problemId, known);
      while (known.replicates.length <= replicate) known.replicates.push([]);
      const replay = replaysOf(candidateKey(row), problemId)[at];
      if (!isGone && replay) known.replicates[replicate]?.push(replay.result(row));
    }
  }
  if (width === 0) {
    throw new UserError("candidates.jsonl holds no candidate.", { hint: "Simulate from a finished run." });
  }
  const sorted = (problems: ReadonlyMap<string, SimulatedProblem>) =>
    [...problems.values()].toSorted((a, b) => (a.problemId < b.problemId ? -1 : 1));
  return {
    ...{ width, replicates, lost, cut },
    problems: new Map([...groups].map(([depth, problems]) => [depth, sorted(problems)])),
  };
}
