import type { Candidate } from "../artifacts/candidate.ts";
import { candidateKey } from "../artifacts/identifier.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import { type ShownDifference, shownDifferences } from "../core/differences.ts";
import { seedOf } from "../core/seed.ts";
import { type Decision, finishOf, type ReasoningRules, type Trace } from "../core/trace.ts";
import { type CandidateProgress, toCandidate } from "./candidate-progress.ts";

/** Where a turn's seed or request is not its own. */
export function seedFaults(row: Turn, runSeed: number): ShownDifference[] {
  const request = `${candidateKey(row)}:${row.turn}:`;
  const attempt = row.requestId.startsWith(request) ? row.requestId.slice(request.length) : "";
  const requestId = /^\d+$/u.test(attempt) ? row.requestId : `${request}<attempt>`;
  return shownDifferences({ seed: seedOf(runSeed, row), requestId }, { seed: row.seed, requestId: row.requestId });
}

/** Where a turn does not say what its text asks for. `trace` is the one that it goes on with. */
export function stepFaults(
  row: Turn,
  trace: Trace,
  decision: Decision,
  { profile }: ReasoningRules,
): ShownDifference[] {
  const { text, stopString, code, execution, meta } = row;
  const finish = row.finish === "length" ? row.finish : "stop";
  const isExecuted = decision.kind === "execute";
  return shownDifferences(
    {
      finish: finishOf(profile, trace, { text, finish, ...(stopString === undefined ? {} : { stopString }) }),
      code: isExecuted ? decision.code : undefined,
      execution: isExecuted ? (execution ?? "one of this code") : undefined,
      "meta.afterAnswer": trace.rawAnswer === undefined ? undefined : true,
    },
    { finish: row.finish, code, execution, "meta.afterAnswer": meta?.afterAnswer },
  );
}

/** The ends that a candidate's turns do not tell. */
const cuts = ["context-full", "budget", "decided", "engine-failed"] as const;

export interface JudgedCandidate {
  /** The row that follows from the turns; of one that was cut off, in agreement with them. */
  row: Candidate;
  faults: ShownDifference[];
  /** It ended by something that its turns do not tell. */
  isCut: boolean;
}

/** Compares a candidate's row with the progress that its turns come to. */
export function judgeCandidate(
  row: Candidate,
  progress: CandidateProgress,
  config: RunConfig & { answer: NonNullable<RunConfig["answer"]> },
): JudgedCandidate {
  const { ended, turns } = progress.trace;
  const isCut = ended === undefined;
  const cut = isCut ? cuts.find((outcome) => outcome === row.outcome) : undefined;
  const expected = toCandidate(progress, config.answer, cut ?? "budget");
  const impossible = (text: string) => ({
    row,
    faults: [{ field: "outcome", expected: text, found: row.outcome }],
    isCut,
  });
  if (isCut) {
    if (row.turns > turns)
      return { row, faults: [{ field: "turns", expected: `${turns}`, found: `${row.turns}` }], isCut };
    if (cut === undefined && row.outcome !== expected.outcome) {
      return impossible(`${cuts.join(" or ")}: its trace has no end`);
    }
    const { budget, earlyStop } = config;
    const isTimed = budget.problemSeconds !== null || budget.totalSeconds !== null;
    if (cut === "budget" && !isTimed) return impossible("another one: the config has no time limit");
    if (cut === "decided" && earlyStop === "off") return impossible("another one: the config has no early stop");
  }
  const meta = isCut ? row.meta : expected.meta; // what a cut leaves there is in no turn
  return {
    row: { ...expected, ...(meta && { meta }) },
    faults: shownDifferences(comparable(expected, isCut), comparable(row, isCut)),
    isCut,
  };
}

/** A row with what its turns tell of it, and what later stages read of its meta. */
function comparable({ meta, ...row }: Candidate, isCut: boolean): Record<string, unknown> {
  const names = ["pruned", "lastExecution", ...(isCut ? [] : ["lostMilliseconds"])];
  return { ...row, ...Object.fromEntries(names.map((name) => [`meta.${name}`, meta?.[name]])) };
}

/** Of a run of another version: what is missing from `meta` may not have been known then. */
export function knownThen(faults: readonly ShownDifference[], isOtherTool: boolean): readonly ShownDifference[] {
  return isOtherTool ? faults.filter(({ field, found }) => !field.startsWith("meta.") || found !== "nothing") : faults;
}
