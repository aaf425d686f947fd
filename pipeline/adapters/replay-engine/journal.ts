import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { z } from "zod";
import { candidatesFile, problemsFile, selectedFile, turnsFile } from "../../artifacts/artifact-file.ts";
import { candidateSchema } from "../../artifacts/candidate.ts";
import { candidateKey } from "../../artifacts/identifier.ts";
import { problemSchema, selectedProblemSchema } from "../../artifacts/problem.ts";
import { type Turn, turnSchema } from "../../artifacts/turn.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import { linesOf, matches, objectOn } from "./json-lines.ts";

export type RecordedTurn = Pick<Turn, "text" | "finish" | "stopString" | "seed" | "tokens" | "code" | "execution">;

/** The turns of one candidate of an earlier run. They are answered by their number, not by the text so far. */
export interface JournalTrace {
  kind: "journal";
  problemId: string;
  replicate: number;
  candidate: number;
  turns: ReadonlyMap<number, RecordedTurn>;
  /** The run's candidates.jsonl says that the next request did not fit into the context. */
  endsWithContextFull: boolean;
}

/** Whether a row is one of a journal, by the fields that no recording of whole traces has. */
export function isTurn(row: Record<string, unknown>): boolean {
  return ["problemId", "candidate", "turn", "requestId"].every((field) => field in row);
}

/**
 * The traces of a turns.jsonl by statement. Statements come from selected.jsonl or problems.jsonl beside it.
 * A torn last line is dropped and noted; any other bad line is a UserError.
 */
export async function readJournal(
  file: string,
  where: Record<string, string> = {},
  note: (text: string) => void = () => {},
): Promise<Map<string, JournalTrace[]>> {
  const { statements, statementsFile } = await readStatements(dirname(file));
  const contextFull = await readContextFull(dirname(file));
  const candidates = new Map<string, JournalTrace & { turns: Map<number, RecordedTurn> }>();

  for await (const line of linesOf(file)) {
    const row = objectOn(line);
    const parsed = turnSchema.safeParse(row);
    if (!parsed.success) {
      if (!line.complete && row === undefined) {
        note(`${file}: the torn last line (${line.number}) is left out.`);
        continue;
      }
      throw badRow(file, line.number, turnSchema, parsed.error);
    }
    if (!matches({ ...parsed.data }, where)) continue;
    const { problemId, replicate, candidate, turn, text, finish, stopString, seed, tokens } = parsed.data;
    const { code, execution } = parsed.data;
    const key = candidateKey(parsed.data);
    const trace = candidates.get(key) ?? {
      kind: "journal",
      problemId,
      replicate,
      candidate,
      turns: new Map<number, RecordedTurn>(),
      endsWithContextFull: contextFull.has(key),
    };
    candidates.set(key, trace);
    if (trace.turns.has(turn)) continue; // a journal only grows: the first row is the one that was acted on
    trace.turns.set(turn, {
      ...{ text, finish, seed, tokens },
      ...(stopString === undefined ? {} : { stopString }),
      ...(code === undefined ? {} : { code }),
      ...(execution === undefined ? {} : { execution }),
    });
  }

  const traces = new Map<string, JournalTrace[]>();
  const ordered = [...candidates.values()].sort((a, b) => a.replicate - b.replicate || a.candidate - b.candidate);
  for (const trace of ordered) {
    const statement = statements.get(trace.problemId);
    if (statement === undefined) {
      throw new UserError(`${file} has turns of ${trace.problemId}, which is not in ${statementsFile}.`, {
        hint: "Both files must be of the same run.",
      });
    }
    traces.set(statement, [...(traces.get(statement) ?? []), trace]);
  }
  if (traces.size === 0)
    throw new UserError(`${file} has no turn to replay.`, { hint: "Name a run that got further." });
  return traces;
}

async function readStatements(directory: string) {
  for (const { name, schema } of [
    { name: selectedFile.name, schema: selectedProblemSchema },
    { name: problemsFile.name, schema: problemSchema },
  ]) {
    const file = join(directory, name);
    if (!(await exists(file))) continue;
    const statements = new Map<string, string>();
    for await (const line of linesOf(file)) {
      const parsed = schema.safeParse(objectOn(line));
      if (!parsed.success) throw badRow(file, line.number, schema, parsed.error);
      statements.set(parsed.data.problemId, parsed.data.statement);
    }
    return { statements, statementsFile: file };
  }
  throw new UserError(`The statements for ${join(directory, turnsFile.name)} are missing.`, {
    hint: `Put the run's ${selectedFile.name} or ${problemsFile.name} beside it.`,
  });
}

/** The candidates that ended with a full context; none where the run did not get as far as writing them. */
async function readContextFull(directory: string): Promise<ReadonlySet<string>> {
  const file = join(directory, candidatesFile.name);
  const full = new Set<string>();
  if (!(await exists(file))) return full;
  for await (const line of linesOf(file)) {
    const parsed = candidateSchema.safeParse(objectOn(line));
    if (!parsed.success) throw badRow(file, line.number, candidateSchema, parsed.error);
    if (parsed.data.outcome === "context-full") full.add(candidateKey(parsed.data));
  }
  return full;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function badRow(file: string, number: number, schema: z.ZodType, error: z.ZodError): UserError {
  return new UserError(`${file}, line ${number}: ${describeIssues(schema, error)[0] ?? "not a row of this file"}.`, {
    hint: "Mend the line or take it out.",
  });
}
