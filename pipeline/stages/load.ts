import { problemsFile } from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import type { Problem } from "../artifacts/problem.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import { UserError } from "../core/user-error.ts";
import type { ProblemReader, RunStore } from "./ports.ts";

export interface LoadResult {
  datasets: Manifest["datasets"];
  problems: number;
  notes: string[];
}

/** load: reads every source's file whole and writes problems.jsonl, in the order of the config and of the files. */
export async function runLoad(
  store: RunStore,
  sources: RunConfig["problems"],
  reader: ProblemReader,
): Promise<LoadResult> {
  const datasets: Manifest["datasets"] = [];
  const notes: string[] = [];
  const all: Problem[] = [];
  for (const [index, source] of sources.entries()) {
    if (sources.slice(0, index).some(({ set }) => set === source.set)) {
      throw new UserError(`problems: the set ${source.set} stands in the config twice.`, {
        hint: "Give the second source a label of its own: set: my-label with file: and fields:.",
      });
    }
    const { problems, dataset, notes: sourceNotes } = await reader.read(source);
    if (problems.length === 0) {
      throw new UserError(`${dataset.file}: no problem in it for the set ${source.set}.`, {
        hint: source.where ? "Does a row match where:?" : "Is it the right file?",
      });
    }
    datasets.push(dataset);
    notes.push(...sourceNotes);
    for (const problem of problems) all.push(problem);
  }
  await store.replace(problemsFile, all);
  return { datasets, problems: all.length, notes };
}
