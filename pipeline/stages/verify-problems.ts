import { manifestFile, problemsFile } from "../artifacts/artifact-file.ts";
import type { ProblemSource } from "../artifacts/run-config.ts";
import { UserError } from "../core/user-error.ts";
import type { Check } from "../core/verification.ts";
import type { ProblemReader } from "./ports.ts";
import type { Verification } from "./verify.ts";
import { type ExpectedRow, expectedRow } from "./verifying-store.ts";

/** Reads a source's problems once more; undefined where its file is no longer there. */
export type ReadAgain = (source: ProblemSource) => Promise<Awaited<ReturnType<ProblemReader["read"]>> | undefined>;

/** The files that problems came from, as far as they can be found, and problems.jsonl by them. */
export async function checkProblems({ run, manifest, ports, checks, store, present }: Verification): Promise<void> {
  const check = checks.add("problem files: sha256 and rows");
  checks.add("problems.jsonl: by these files", problemsFile.name);
  if (!manifest) check.skip("there is no manifest.json that can be read");
  const expected: ExpectedRow[] = [];
  const unchanged = new Set<string>();
  const datasets = new Map(manifest?.datasets.map((dataset) => [dataset.set, dataset]));
  for (const source of manifest ? run.config.problems : []) {
    const { set } = source;
    const dataset = datasets.get(set);
    datasets.delete(set);
    if (!dataset) {
      check.skip(`manifest.json does not say which file the set ${set} came from`);
      continue;
    }
    const { file, sha256, rows } = dataset;
    const here = source.file === undefined ? { ...source, path: file } : { ...source, file };
    const read = await readOnce(check, here, file, ports.readAgain);
    if (!read) continue;
    const differing = [
      { field: "sha256", expected: read.dataset.sha256, found: sha256 },
      { field: "rows", expected: `${read.dataset.rows}`, found: `${rows}` },
    ].filter((each) => each.expected !== each.found);
    for (const fault of differing) {
      check.fault({
        ...fault,
        file: manifestFile,
        row: set,
        expected: `${fault.expected} (of ${file} as it is now)`,
      });
    }
    if (differing.length > 0) continue;
    check.hold();
    unchanged.add(set);
    for (const problem of read.problems) expected.push(expectedRow(problemsFile, problem));
  }
  for (const set of datasets.keys()) {
    check.fault({ file: manifestFile, field: "datasets", expected: "only sets of the config", found: set });
  }
  if (!present.has(problemsFile.name)) return store.missing(problemsFile.name);
  const rows = await store.compare(problemsFile, expected, ({ set }) => unchanged.has(set));
  store.derive(problemsFile, () => rows);
}

async function readOnce(check: Check, source: ProblemSource, file: string, readAgain: ReadAgain) {
  try {
    const read = await readAgain(source);
    if (!read) check.skip(`${file} is no longer there`);
    return read;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    check.fault({ file: manifestFile, row: source.set, expected: `the problems in ${file}`, found: error.message });
    return undefined;
  }
}
