import { candidatesFile, turnsFile } from "../artifacts/artifact-file.ts";
import { type Candidate, candidateSchema } from "../artifacts/candidate.ts";
import { byKey, type CandidateKey, candidateKey, voteKey } from "../artifacts/identifier.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import { CandidateNumbers } from "../core/candidate-numbers.ts";
import type { ShownDifference } from "../core/differences.ts";
import { certainWinner } from "../core/early-stop/early-winner.ts";
import { NumberColumn } from "../core/number-column.ts";
import { decide, type ReasoningRules, startTrace } from "../core/trace.ts";
import type { Check, Fault } from "../core/verification.ts";
import type { LinePlace } from "./artifact-reader.ts";
import { type CandidateProgress, startProgress, toCandidate, withTurn } from "./candidate-progress.ts";
import { PackedCandidates } from "./packed-candidates.ts";
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

/** `cut`: it has all turns that its row tells of, and its trace has no end. `broken`: a turn is missing. */
const states = ["open", "ended", "cut", "broken"] as const;

/**
 * How far candidates have come, by number: columns, as there are hundreds of thousands. A text is held only while more turns are
 * expected.
 */
class Standings {
  readonly numbers = new CandidateNumbers();
  readonly turns = new NumberColumn(Int32Array);
  readonly line = new NumberColumn(Float64Array); // of the last one; 0 is none
  readonly progress = new Map<number, CandidateProgress>();
  /** Their rows in candidates.jsonl, and where those are. Line 0 is none. */
  readonly found = new PackedCandidates();
  readonly foundLine = new NumberColumn(Float64Array);
  readonly foundByte = new NumberColumn(Float64Array);
  readonly foundTurns = new NumberColumn(Int32Array);
  /** The rows that follow from their turns, where those are not the ones found. */
  readonly derived = new Map<number, string>();
  readonly #state = new NumberColumn(Uint8Array);

  state(number: number): (typeof states)[number] {
    return states[this.#state.at(number)] ?? "open";
  }

  /** Sets it, and lets go of the text. */
  close(number: number, state: (typeof states)[number]): void {
    this.#state.set(number, states.indexOf(state));
    this.progress.delete(number);
  }

  foundAt(number: number): LinePlace | undefined {
    const line = this.foundLine.at(number);
    return line === 0 ? undefined : { number: line, byte: this.foundByte.at(number) };
  }

  /** The row that follows, or else the one found. */
  row(number: number, key: CandidateKey): Candidate | undefined {
    const derived = this.derived.get(number);
    return derived === undefined ? this.found.get(key) : candidateSchema.parse(JSON.parse(derived));
  }
}

/**
 * Folds a journal again, by the steps of a resumed run, and compares candidates.jsonl with what that comes to. The rows of
 * candidates.jsonl come first, where there are any: so a trace that was cut off need not be held to the end.
 */
export class JournalFold {
  readonly #statements: ReadonlyMap<string, string>; // by problemId
  readonly #judge: JournalRules;
  readonly #checks: JournalChecks;
  readonly #standings = new Standings();
  #last: CandidateKey | undefined;

  constructor(statements: ReadonlyMap<string, string>, judge: JournalRules, checks: JournalChecks) {
    this.#statements = statements;
    this.#judge = judge;
    this.#checks = checks;
  }

  /** Returns whether the row has a place in the run. */
  addCandidate({ number: line, byte, row }: LinePlace & { row: Candidate }): boolean {
    const refuse = (expected: string, found: string): void =>
      this.#checks.candidates.fault({ file: candidatesFile.name, line, byte, row: candidateKey(row), expected, found });
    const standings = this.#standings;
    const isRepeated = standings.found.has(row);
    const stranger = this.#whyStrange(row);
    if (isRepeated || stranger !== undefined) {
      refuse(stranger ?? "one row for this candidate", isRepeated ? "another one" : "this row");
      return false;
    }
    if (this.#last && byKey(this.#last, row) > 0)
      refuse(`this row before that for ${candidateKey(this.#last)}`, "it here");
    this.#last = row;
    standings.found.set(row);
    const number = standings.numbers.assign(row);
    standings.foundLine.set(number, line);
    standings.foundByte.set(number, byte);
    standings.foundTurns.set(number, row.turns);
    return true;
  }

  addTurn({ number: line, byte, row }: LinePlace & { row: Turn }): FoldedTurn {
    const { turns, seeds, steps } = this.#checks;
    const { config, rules, isOtherTool } = this.#judge;
    const standings = this.#standings;
    const place = { file: turnsFile.name, line, byte, row: `${candidateKey(row)}, turn ${row.turn}` };
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

    const number = standings.numbers.assign(row);
    const state = standings.state(number);
    const expected = standings.turns.at(number);
    if (state === "broken") {
      turns.skip("turns of a trace with a gap before them");
      return { belongs: true };
    }
    if (row.turn < expected) return refuse(`turn ${expected} or none`, `turn ${row.turn} once more`);
    if (state === "ended") return refuse("none: the candidate's trace has ended", `turn ${row.turn}`);
    if (row.turn > expected) {
      standings.close(number, "broken");
      turns.fault({ ...place, field: "turn", expected: `${expected}`, found: `${row.turn}` });
      return { belongs: true };
    }
    if (state === "cut") {
      const more = `more: turns.jsonl, line ${line}, is turn ${row.turn}`;
      this.#candidateFaults(row, [{ field: "turns", expected: more, found: `${expected}` }]);
      standings.close(number, "broken");
      return { belongs: true };
    }

    turns.hold();
    const before = standings.progress.get(number) ?? this.#begin(row);
    const decision = decide(rules, before.trace, row);
    record(steps, stepFaults(row, before.trace, decision, rules));
    const progress = withTurn(rules, before, row);
    standings.progress.set(number, progress);
    standings.turns.set(number, row.turn + 1);
    standings.line.set(number, line);
    const isLast = progress.trace.ended !== undefined || row.turn + 1 === standings.foundTurns.at(number);
    if (isLast) this.#conclude(number, progress);
    return { belongs: true, isLast, ...(decision.kind === "execute" ? { program: decision } : {}) };
  }

  /** Judges the candidates that are left, once both files are read. */
  finish(): void {
    const standings = this.#standings;
    for (const key of this.#keys()) {
      const number = standings.numbers.find(key);
      // One that never had a turn is in neither file where its row is missing.
      if (number === undefined) this.#candidateFaults(key, [missingRow]);
      else if (standings.state(number) === "broken")
        this.#checks.candidates.skip("candidates with a gap in their trace");
      else if (standings.foundAt(number) === undefined) this.#candidateFaults(key, [missingRow]);
      else if (standings.state(number) === "open") {
        this.#conclude(number, standings.progress.get(number) ?? this.#begin(key));
      }
    }
    this.#checkDecided();
  }

  /** Rows of candidates that follow from the journal and are not those that were found, as text. */
  *corrected(): Generator<{ found: LinePlace | undefined; derived: string }> {
    for (const [number, derived] of this.#standings.derived) yield { found: this.#standings.foundAt(number), derived };
  }

  /** How far the candidates of the journal have come. */
  get counts(): { ended: number; open: number } {
    const { numbers } = this.#standings;
    const all = Array.from({ length: numbers.size }, (_, number) => this.#standings.state(number));
    const ended = all.filter((state) => state === "ended").length;
    return { ended, open: all.length - ended };
  }

  /** All candidates of the run. */
  *#keys(): Generator<CandidateKey> {
    const { width, replicates } = this.#judge.config.sampling;
    for (const problemId of this.#statements.keys()) {
      for (let replicate = 0; replicate < replicates; replicate += 1) {
        for (let candidate = 0; candidate < width; candidate += 1) yield { problemId, replicate, candidate };
      }
    }
  }

  #begin({ problemId, replicate, candidate }: CandidateKey): CandidateProgress {
    const trace = startTrace(this.#judge.rules.profile, this.#statements.get(problemId) ?? "");
    return startProgress({ problemId, replicate, candidate }, trace);
  }

  #conclude(number: number, progress: CandidateProgress): void {
    const standings = this.#standings;
    standings.close(number, progress.trace.ended === undefined ? "cut" : "ended");
    const { config, isOtherTool } = this.#judge;
    const found = standings.found.get(progress.key);
    // As text, and so a copy: an answer that is a part of its trace's text would keep all of that.
    if (found === undefined) {
      standings.derived.set(number, JSON.stringify(toCandidate(progress, config.answer)));
      return;
    }
    const { row, isCut, ...judged } = judgeCandidate(found, progress, config);
    const faults = knownThen(judged.faults, isOtherTool);
    const { candidates } = this.#checks;
    if (faults.length > 0) {
      standings.derived.set(number, JSON.stringify(row));
      this.#candidateFaults(progress.key, faults);
    } else if (isCut) {
      candidates.trust(row.outcome === "answered" ? "answered, and were cut off later" : `ended as ${row.outcome}`);
    } else {
      candidates.hold();
    }
  }

  #candidateFaults(key: CandidateKey, faults: readonly Pick<Fault, "field" | "expected" | "found">[]): void {
    const number = this.#standings.numbers.find(key);
    const found = number === undefined ? undefined : this.#standings.foundAt(number);
    const line = number === undefined ? 0 : this.#standings.line.at(number);
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

  /**
   * Where an early stop waits for certainty, the candidates that it did not cancel have to settle the vote. One that was
   * cancelled with an answer counts among them, as it may have ended by itself: that can only settle a vote sooner.
   */
  #checkDecided(): void {
    const { config, rules } = this.#judge;
    if (config.earlyStop !== "certain") return;
    const options = { ...config.vote, depth: rules.depth, afterAnswer: rules.profile.afterAnswer };
    const standings = this.#standings;
    for (const [vote, keys] of Map.groupBy(this.#keys(), voteKey)) {
      const rows = keys.flatMap((key) => standings.row(standings.numbers.find(key) ?? -1, key) ?? []);
      const open = rows.filter(({ outcome }) => outcome === "decided");
      const ended = rows.filter(({ outcome }) => outcome !== "decided");
      if (open.length === 0 || certainWinner({ ended, open }, options)) continue;
      this.#checks.candidates.fault({
        ...{ file: candidatesFile.name, row: vote, field: "outcome" },
        expected: "candidates called off once the others had decided the vote",
        found: "a vote that they had not decided",
      });
    }
  }
}

const missingRow = { expected: "a row", found: "none" };
