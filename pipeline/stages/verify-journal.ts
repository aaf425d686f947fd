import { candidatesFile, turnsFile } from "../artifacts/artifact-file.ts";
import { type Candidate, candidateSchema } from "../artifacts/candidate.ts";
import { byKey, type CandidateKey, candidateKey, voteKey } from "../artifacts/identifier.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import type { ShownDifference } from "../core/differences.ts";
import { certainWinner } from "../core/early-stop/early-winner.ts";
import { decide, type ReasoningRules, startTrace } from "../core/trace.ts";
import type { Check, Fault } from "../core/verification.ts";
import type { LinePlace } from "./artifact-reader.ts";
import { type CandidateProgress, startProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import type { Execute } from "./reason.ts";
import { judgeCandidate, knownThen, seedFaults, stepFaults } from "./verify-rows.ts";

/** By what a journal is judged. */
export interface JournalRules {
  config: RunConfig & { answer: NonNullable<RunConfig["answer"]> };
  rules: ReasoningRules;
  isOtherTool: boolean; // another version began the run
}

export interface JournalChecks {
  turns: Check;
  seeds: Check;
  steps: Check;
  candidates: Check;
}

/** What follows from a turn. */
export interface FoldedTurn {
  /** The row has a place in the run: its problem is selected, and it does not repeat a turn. */
  belongs: boolean;
  program?: Execute; // that it asks for
  isLast?: boolean; // of its candidate
}

/** A candidate, between its turns. Its text is held only while more of them are expected. */
interface Standing {
  key: CandidateKey;
  /** Its row in candidates.jsonl. */
  found?: LinePlace & { text: string; turns: number };
  turns: number;
  line: number; // of the last one
  /** `cut`: it has all turns that its row tells of, and its trace has no end. `broken`: a turn is missing. */
  state: "open" | "ended" | "cut" | "broken";
  progress?: CandidateProgress | undefined;
  /** The row that follows from its turns, where that is not the one found. */
  derived?: string;
}

/**
 * Folds a journal again, by the steps of a resumed run, and compares candidates.jsonl with what that comes to. The rows of
 * candidates.jsonl come first, where there are any: so a trace that was cut off need not be held to the end.
 */
export class JournalFold {
  readonly #statements: ReadonlyMap<string, string>; // by problemId
  readonly #judge: JournalRules;
  readonly #checks: JournalChecks;
  readonly #standings = new Map<string, Standing>();
  #last: CandidateKey | undefined;

  constructor(statements: ReadonlyMap<string, string>, judge: JournalRules, checks: JournalChecks) {
    this.#statements = statements;
    this.#judge = judge;
    this.#checks = checks;
  }

  /** Returns whether the row has a place in the run. */
  addCandidate({ number, byte, row, text }: LinePlace & { row: Candidate; text: string }): boolean {
    const key = candidateKey(row);
    const refuse = (expected: string, found: string): void =>
      this.#checks.candidates.fault({ file: candidatesFile.name, line: number, byte, row: key, expected, found });
    const isRepeated = this.#standings.has(key);
    const stranger = this.#whyStrange(row);
    if (isRepeated || stranger !== undefined) {
      refuse(stranger ?? "one row for this candidate", isRepeated ? "another one" : "this row");
      return false;
    }
    if (this.#last && byKey(this.#last, row) > 0)
      refuse(`this row before that for ${candidateKey(this.#last)}`, "it here");
    const { problemId, replicate, candidate, turns } = row;
    this.#last = { problemId, replicate, candidate };
    this.#standings.set(key, { ...start(this.#last), found: { number, byte, text, turns } });
    return true;
  }

  addTurn({ number, byte, row }: LinePlace & { row: Turn }): FoldedTurn {
    const { turns, seeds, steps } = this.#checks;
    const { config, rules, isOtherTool } = this.#judge;
    const key = candidateKey(row);
    const place = { file: turnsFile.name, line: number, byte, row: `${key}, turn ${row.turn}` };
    const refuse = (expected: string, found: string): FoldedTurn => {
      turns.fault({ ...place, expected, found });
      return { belongs: false };
    };
    const record = (check: Check, differing: readonly ShownDifference[]) => {
      const faults = knownThen(differing, isOtherTool);
      if (faults.length === 0) check.hold();
      for (const fault of faults) check.fault({ ...place, ...fault });
    };

    const stranger = this.#whyStrange(row);
    if (stranger !== undefined) return refuse(stranger, "this row");
    record(seeds, seedFaults(row, config.sampling.seed));

    const standing = this.#standings.get(key) ?? start(row);
    this.#standings.set(key, standing);
    if (standing.state === "broken") {
      turns.skip("turns of a trace with a gap before them");
      return { belongs: true };
    }
    if (row.turn < standing.turns) return refuse(`turn ${standing.turns} or none`, `turn ${row.turn} once more`);
    if (standing.state === "ended") {
      return refuse("none: the candidate's trace has ended", `turn ${row.turn}`);
    }
    if (row.turn > standing.turns) {
      this.#break(standing);
      turns.fault({ ...place, field: "turn", expected: `${standing.turns}`, found: `${row.turn}` });
      return { belongs: true };
    }
    if (standing.state === "cut") {
      const expected = `more: turns.jsonl, line ${number}, is turn ${row.turn}`;
      this.#candidateFaults(standing, [{ field: "turns", expected, found: `${standing.turns}` }]);
      this.#break(standing);
      return { belongs: true };
    }

    turns.hold();
    const before = standing.progress ?? this.#begin(standing.key);
    const decision = decide(rules, before.trace, row);
    record(steps, stepFaults(row, before.trace, decision, rules));
    const progress = withTurn(rules, before, row);
    Object.assign(standing, { progress, turns: row.turn + 1, line: number });
    const isLast = progress.trace.ended !== undefined || standing.turns === standing.found?.turns;
    if (isLast) this.#conclude(standing, progress);
    return { belongs: true, isLast, ...(decision.kind === "execute" ? { program: decision } : {}) };
  }

  /** Judges the candidates that are left, once both files are read. */
  finish(): void {
    for (const standing of this.#standings.values()) {
      if (standing.state === "broken") this.#checks.candidates.skip("candidates with a gap in their trace");
      else if (standing.found === undefined) this.#candidateFaults(standing, [missingRow]);
      else if (standing.state === "open") this.#conclude(standing, standing.progress ?? this.#begin(standing.key));
    }
    this.#checkAllThere();
    this.#checkDecided();
  }

  /** Rows of candidates that follow from the journal and are not those that were found, as text. */
  *corrected(): Generator<{ found: LinePlace | undefined; derived: string }> {
    for (const { found, derived } of this.#standings.values()) if (derived !== undefined) yield { found, derived };
  }

  /** How far the candidates of the journal have come. */
  get counts(): { ended: number; open: number } {
    const all = [...this.#standings.values()];
    const ended = all.filter(({ state }) => state === "ended").length;
    return { ended, open: all.length - ended };
  }

  #begin(key: CandidateKey): CandidateProgress {
    return startProgress(key, startTrace(this.#judge.rules.profile, this.#statements.get(key.problemId) ?? ""));
  }

  #break(standing: Standing): void {
    standing.state = "broken";
    standing.progress = undefined;
  }

  #conclude(standing: Standing, progress: CandidateProgress): void {
    standing.state = progress.trace.ended === undefined ? "cut" : "ended";
    standing.progress = undefined;
    const { config, isOtherTool } = this.#judge;
    const { found } = standing;
    // As text, and so a copy: an answer that is a part of its trace's text would keep all of that.
    if (found === undefined) {
      standing.derived = JSON.stringify(toCandidate(progress, config.answer));
      return;
    }
    const parsed = candidateSchema.parse(JSON.parse(found.text));
    const { row, isCut, ...judged } = judgeCandidate(parsed, progress, config);
    const faults = knownThen(judged.faults, isOtherTool);
    const { candidates } = this.#checks;
    if (faults.length > 0) {
      standing.derived = JSON.stringify(row);
      this.#candidateFaults(standing, faults);
    } else if (isCut) {
      candidates.trust(row.outcome === "answered" ? "answered, and were cut off later" : `ended as ${row.outcome}`);
    } else {
      candidates.hold();
    }
  }

  #candidateFaults(
    { key, found, line }: Standing,
    faults: readonly Pick<Fault, "field" | "expected" | "found">[],
  ): void {
    const place = {
      file: candidatesFile.name,
      ...(found && { line: found.number, byte: found.byte }),
      row: candidateKey(key),
    };
    const source = line === 0 ? "no turn in turns.jsonl" : `turns.jsonl, line ${line}`;
    for (const fault of faults) {
      this.#checks.candidates.fault({ ...place, ...fault, expected: `${fault.expected} (${source})` });
    }
  }

  /** Why a row has no place in this run. */
  #whyStrange({ problemId, replicate, candidate }: CandidateKey): string | undefined {
    if (!this.#statements.has(problemId)) return "a problem of selected.jsonl";
    const { width, replicates } = this.#judge.config.sampling;
    if (replicate >= replicates) return `replicates below ${replicates}`;
    return candidate >= width ? `candidates below ${width}` : undefined;
  }

  /** One that never had a turn is in neither file where its row is missing. */
  #checkAllThere(): void {
    const { width, replicates } = this.#judge.config.sampling;
    for (const problemId of this.#statements.keys()) {
      for (let place = 0; place < replicates * width; place += 1) {
        const key = { problemId, replicate: Math.floor(place / width), candidate: place % width };
        if (!this.#standings.has(candidateKey(key))) this.#candidateFaults(start(key), [missingRow]);
      }
    }
  }

  /**
   * Where an early stop waits for certainty, the candidates that it did not cancel have to settle the vote. One that was
   * cancelled with an answer counts among them, as it may have ended by itself: that can only settle a vote sooner.
   */
  #checkDecided(): void {
    const { config, rules } = this.#judge;
    if (config.earlyStop !== "certain") return;
    const options = { ...config.vote, depth: rules.depth, afterAnswer: rules.profile.afterAnswer };
    for (const [key, group] of Map.groupBy(this.#standings.values(), (standing) => voteKey(standing.key))) {
      const rows = group.flatMap((standing) => rowOf(standing) ?? []);
      const open = rows.filter(({ outcome }) => outcome === "decided");
      const ended = rows.filter(({ outcome }) => outcome !== "decided");
      if (open.length === 0 || certainWinner({ ended, open }, options)) continue;
      this.#checks.candidates.fault({
        ...{ file: candidatesFile.name, row: key, field: "outcome" },
        expected: "candidates called off once the others had decided the vote",
        found: "a vote that they had not decided",
      });
    }
  }
}

const missingRow = { expected: "a row", found: "none" };

function start({ problemId, replicate, candidate }: CandidateKey): Standing {
  return { key: { problemId, replicate, candidate }, turns: 0, line: 0, state: "open" };
}

function rowOf({ found, derived }: Standing): Candidate | undefined {
  const text = derived ?? found?.text;
  return text === undefined ? undefined : candidateSchema.parse(JSON.parse(text));
}
