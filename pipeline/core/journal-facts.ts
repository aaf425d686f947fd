import { createHash } from "node:crypto";
import { type ExecutionOutcome, executionOutcomes } from "../artifacts/execution.ts";
import type { Turn } from "../artifacts/turn.ts";

/** What a summary needs of one candidate's turns. It holds no text: a hash stands for each. */
interface CandidateTurns {
  hashes: Map<number, string>; // by turn
  lastExecution?: { turn: number; outcome: ExecutionOutcome };
  lastTurn?: { turn: number; finish: Turn["finish"] };
  executions: Map<ExecutionOutcome, number>;
  truncated: number; // turns that the token limit ended
  diverged: boolean; // its session was rebuilt, and earlier blocks gave other outputs
  missingModules: string[]; // one for each execution that ended for want of one
}

export interface Ending {
  finish: Turn["finish"] | undefined;
  execution: ExecutionOutcome | undefined;
}

/** The journal's rows, in any order, boiled down to what a summary needs, by candidate key. */
export class JournalFacts {
  private readonly candidates = new Map<string, CandidateTurns>();

  /** Takes in a turn of the candidate with this key. False if it has that turn already. */
  add(key: string, { turn, text, finish, execution }: Pick<Turn, "turn" | "text" | "finish" | "execution">): boolean {
    let facts = this.candidates.get(key);
    if (facts === undefined) {
      facts = { hashes: new Map(), executions: new Map(), truncated: 0, diverged: false, missingModules: [] };
      this.candidates.set(key, facts);
    }
    if (facts.hashes.has(turn)) return false;
    facts.hashes.set(turn, createHash("sha256").update(text).digest("base64").slice(0, 24));
    if (finish === "length") facts.truncated += 1;
    if (turn >= (facts.lastTurn?.turn ?? 0)) facts.lastTurn = { turn, finish };
    if (execution?.rebuilt === "diverged") facts.diverged = true;
    if (execution?.missingModule !== undefined) facts.missingModules.push(execution.missingModule);
    if (execution) {
      facts.executions.set(execution.outcome, (facts.executions.get(execution.outcome) ?? 0) + 1);
      if (turn >= (facts.lastExecution?.turn ?? 0)) facts.lastExecution = { turn, outcome: execution.outcome };
    }
    return true;
  }

  /** How the candidate's last turn ended, and its last execution; undefined for one without a turn. */
  ending(key: string): Ending | undefined {
    const facts = this.candidates.get(key);
    return facts && { finish: facts.lastTurn?.finish, execution: facts.lastExecution?.outcome };
  }

  /** Equal for candidates whose turns have the same texts; undefined for one without a turn. */
  fingerprint(key: string): string | undefined {
    const facts = this.candidates.get(key);
    if (facts === undefined) return undefined;
    const inOrder = [...facts.hashes].toSorted(([a], [b]) => a - b);
    return inOrder.map(([, hash]) => hash).join();
  }

  /** How many of these candidates went on in a session that is not the one their outputs came from. */
  divergedSessions(keys: Iterable<string>): number {
    return [...keys].filter((key) => this.candidates.get(key)?.diverged).length;
  }

  /** For each of these candidates that lacked any, the modules that its executions ended for want of. */
  missingModules(keys: Iterable<string>): string[][] {
    return [...keys].map((key) => this.candidates.get(key)?.missingModules ?? []).filter(({ length }) => length > 0);
  }

  /** Executions by outcome and turns cut off by the token limit, summed over these candidates. */
  totals(keys: Iterable<string>): { executions: Record<ExecutionOutcome, number>; truncatedTurns: number } {
    const executions = zeros(executionOutcomes);
    let truncatedTurns = 0;
    for (const key of keys) {
      const facts = this.candidates.get(key);
      truncatedTurns += facts?.truncated ?? 0;
      for (const [outcome, count] of facts?.executions ?? []) executions[outcome] += count;
    }
    return { executions, truncatedTurns };
  }
}

/** A count of nothing yet, for every name of a closed list. */
export function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
