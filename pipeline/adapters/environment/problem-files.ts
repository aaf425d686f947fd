import type { ProblemSource } from "../../artifacts/run-config.ts";
import type { ProblemReader } from "../../stages/ports.ts";
import { type CheckResult, failed, failedBy, ok, warning } from "./check.ts";

/** A validation set that there is a card of, and its file on this machine. */
export interface KnownSet {
  name: string;
  path: string | undefined;
}

/** Which of the known sets have their file here. None of them is needed before a config names it. */
export function checkKnownSets(sets: readonly KnownSet[]): CheckResult {
  const check = "problem sets";
  const names = (list: readonly KnownSet[]) => list.map(({ name }) => name).join(", ");
  const here = sets.filter(({ path }) => path !== undefined);
  const missing = sets.filter(({ path }) => path === undefined);
  if (missing.length === 0) return ok(check, `${names(here)} are here`);
  return warning(
    check,
    `not here: ${names(missing)}${here.length > 0 ? `; here: ${names(here)}` : ""}`,
    `sctir datasets fetch ${missing.map(({ name }) => name).join(" ")}   (or set SCTIR_DATA to a folder that has them)`,
  );
}

/** Reads the whole file of one entry of a config's `problems`, as the load stage does. */
export async function checkProblems(source: ProblemSource, reader: ProblemReader): Promise<CheckResult> {
  const check = `problems: ${source.set}`;
  try {
    const { dataset, problems, notes } = await reader.read(source);
    if (problems.length === 0) {
      return failed(
        check,
        `${dataset.file} has no rows that are wanted`,
        "See whether the config's `where` fits the file.",
      );
    }
    const detail = `${problems.length} rows in ${dataset.file}`;
    return notes.length === 0
      ? ok(check, detail)
      : warning(check, `${detail}; ${notes.join("; ")}`, "See whether this is the file you mean.");
  } catch (error) {
    return failedBy(check, error);
  }
}
