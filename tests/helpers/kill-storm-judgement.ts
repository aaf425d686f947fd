import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import { candidateKey } from "../../pipeline/artifacts/identifier.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { vote } from "../../pipeline/core/vote.ts";
import { filesIn } from "./kill-storm-aims.ts";
import type { Variant } from "./kill-storm-workload.ts";
import { comparable, jsonOf, rowsOf, withoutTimes } from "./run-files.ts";

const defaultVote = { rule: "majority", ties: "first-seen", fallback: null } as const;

/** A journal that is looked at again and again: what was in it once has to stay. */
export class JournalWatch {
  readonly #path: string;
  readonly #lines = new Map<string, string>();
  readonly lost = new Set<string>();

  constructor(out: string) {
    this.#path = join(out, "turns.jsonl");
  }

  get rows(): number {
    return this.#lines.size;
  }

  /** What is wrong with it. Half a line at its end is nothing: the next run cuts it off. */
  look(): string[] {
    const lines = existsSync(this.#path) ? readFileSync(this.#path, "utf8").split("\n").slice(0, -1) : [];
    const found = new Map<string, string>();
    const faults: string[] = [];
    for (const line of lines) {
      const row = JSON.parse(line) as Turn;
      const key = `${candidateKey(row)}:${row.turn}`;
      if (found.has(key)) faults.push(`turns.jsonl has ${key} twice`);
      found.set(key, line);
    }
    for (const [key, line] of this.#lines) {
      if (found.get(key) === line || this.lost.has(key)) continue;
      this.lost.add(key);
      faults.push(`turns.jsonl has lost ${key}`);
    }
    for (const [key, line] of found) this.#lines.set(key, line);
    return faults;
  }
}

/** What is wrong with a completed run, against one of the same kind, or of the plain kind, that was left alone. */
export function faultsOfResult(out: string, reference: string, { same }: Variant): string[] {
  const faults: string[] = [];
  const check = (what: string, holds: boolean) => {
    if (!holds) faults.push(what);
  };
  const isEqual = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const bytes = (directory: string, name: string) => readFileSync(join(directory, name), "utf8");

  check(`the directory has other files: ${filesIn(out)}`, isEqual(filesIn(out).sort(), filesIn(reference).sort()));
  check("the state is not complete", jsonOf(out, "manifest.json").state === "complete");
  const { all } = jsonOf(out, "summary.json") as { all: { ledger: Record<string, number> } };
  const candidates = rowsOf(reference, "candidates.jsonl").length;
  check("the ledger does not balance", Object.values(all.ledger).reduce((sum, count) => sum + count) === candidates);
  for (const name of ["problems.jsonl", "selected.jsonl", "rejected.jsonl"]) {
    check(`${name} differs`, bytes(out, name) === bytes(reference, name));
  }
  check("votes.jsonl is not what its candidates elect", isEqual(winnersOf(out), electedIn(out)));
  if (same === "everything") {
    for (const name of ["votes.jsonl", "verdicts.jsonl"]) {
      check(`${name} differs`, bytes(out, name) === bytes(reference, name));
    }
    check(
      "candidates.jsonl differs",
      isEqual(comparable(out, "candidates.jsonl"), comparable(reference, "candidates.jsonl")),
    );
    check("turns.jsonl differs", isEqual(turnsOf(out), turnsOf(reference)));
    check(
      "summary.json differs",
      isEqual(withoutTimes(jsonOf(out, "summary.json")), withoutTimes(jsonOf(reference, "summary.json"))),
    );
    check("manifest.json differs", isEqual(manifestOf(out), manifestOf(reference)));
    return faults;
  }
  const [known, knownTurns] = [new Set(comparable(reference, "candidates.jsonl")), new Set(turnsOf(reference))];
  const whole = comparable(out, "candidates.jsonl").filter((row) => !/"outcome":"(?:decided|budget)"/u.test(row));
  check(
    "candidates.jsonl has other candidates",
    whole.every((row) => known.has(row)),
  );
  check(
    "turns.jsonl has other turns",
    turnsOf(out).every((row) => knownTurns.has(row)),
  );
  if (same === "winners") check("votes.jsonl has other winners", isEqual(winnersOf(out), winnersOf(reference)));
  return faults;
}

/** Without the note that a session was rebuilt, which is what a kill is allowed to leave. */
function turnsOf(directory: string): string[] {
  return comparable(directory, "turns.jsonl").map((row) => row.replace(/,"rebuilt":"same"/u, ""));
}

function manifestOf(directory: string): unknown {
  const { createdAt: _, ...manifest } = jsonOf(directory, "manifest.json");
  return withoutTimes(manifest);
}

function electedIn(directory: string): unknown[] {
  const candidates = rowsOf(directory, "candidates.jsonl") as unknown as Candidate[];
  const groups = Map.groupBy(candidates, ({ problemId, replicate }) => JSON.stringify([problemId, replicate]));
  return Array.from(groups, ([group, voters]) => [...JSON.parse(group), vote(voters, defaultVote).answer]);
}

function winnersOf(directory: string): unknown[] {
  return rowsOf(directory, "votes.jsonl").map(({ problemId, replicate, answer }) => [problemId, replicate, answer]);
}
