import type { ArtifactFile } from "../artifacts/artifact-file.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "./ports.ts";

/** What a file may hold one row of. */
type RowKey = { problemId: string } & { [Field in "replicate" | "candidate" | "turn"]?: number };

/** The error for a file that holds two rows of a key; it tells their lines where those are known. */
export async function repeatedRow<Row extends RowKey>(
  store: RunStore,
  file: ArtifactFile<Row>,
  key: RowKey,
  hint = "Remove one of them. In a directory of `sctir run`, its option --repair makes the file right again.",
): Promise<UserError> {
  const { problemId, replicate, candidate, turn } = key;
  const numbers = Object.entries({ replicate, candidate, turn }).filter(([, value]) => value !== undefined);
  const name = [problemId, ...numbers.map(([field, value]) => `${field} ${value}`)].join(", ");
  const isMeant = (row: RowKey) =>
    row.problemId === problemId && numbers.every(([field, value]) => row[field as keyof RowKey] === value);
  const lines = await store.linesOf?.(file, isMeant);
  const where = lines === undefined ? "" : `, in lines ${lines.slice(0, 2).join(" and ")}`;
  return new UserError(`${file.name} holds two rows for ${name}${where}.`, { hint });
}
