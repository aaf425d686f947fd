import { openRunDirectory, readSummary } from "../adapters/run-directory/run-directory.ts";
import type { RunResults } from "../core/run-results.ts";
import { UserError } from "../core/user-error.ts";
import { readRunResults } from "../stages/read-run-results.ts";

/** The scored runs in these directories, each under a name of its own: the directory's last part, or its path. */
export async function readScoredRuns(directories: readonly string[]): Promise<RunResults[]> {
  const runs: RunResults[] = [];
  for (const directory of directories) {
    const store = await openRunDirectory(directory);
    runs.push(await readRunResults(store, await readSummary(directory)));
  }
  const isShared = (name: string) => runs.filter((run) => run.name === name).length > 1;
  const named = runs.map((run) => (isShared(run.name) ? { ...run, name: run.directory } : run));
  const twice = named.find(({ name }, index) => named.findIndex((other) => other.name === name) < index);
  if (twice === undefined) return named;
  throw new UserError(`${twice.directory} is given twice.`, { hint: "Name each run once." });
}
