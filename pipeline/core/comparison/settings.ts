import type { RunResults } from "../run-results.ts";

/**
 * The settings that decide what a result means, in which not all runs are alike, by their dotted name. The model is not
 * among them, nor where it is served: that is what is compared. Neither are seeds and how many requests were in flight.
 *
 * Of artifacts without a manifest only the width and the number of replicates are known; `manifest` says that.
 */
export function settingsThatDiffer(runs: readonly RunResults[]): string[] {
  const all = runs.map(settingsOf);
  const keys = new Set(all.flatMap((settings) => [...settings.keys()]));
  const recorded = runs.filter(({ manifest }) => manifest !== undefined).length;
  const comparable = recorded === runs.length ? () => true : (key: string) => observed.has(key);
  const differing = [...keys].filter((key) => comparable(key) && new Set(all.map((each) => each.get(key))).size > 1);
  return [...differing, ...(recorded > 0 && recorded < runs.length ? ["manifest"] : [])].toSorted();
}

const observed = new Set(["sampling.width", "sampling.replicates", "problems", "gold answers"]);

/** Settings as texts: equal texts for equal settings. */
export function settingsOf({ manifest, width, replicates, problems }: RunResults): Map<string, string> {
  const settings = new Map([
    ["sampling.width", String(width)],
    ["sampling.replicates", String(replicates)],
    ["problems", JSON.stringify(problems.map(({ problemId, statementHash }) => [problemId, statementHash]))],
    ["gold answers", JSON.stringify(problems.map(({ problemId, gold, expected }) => [problemId, gold, expected]))],
  ]);
  if (manifest === undefined) return settings;
  const { config, profile } = manifest;
  const { width: _, replicates: __, seed: ___, ...sampling } = config.sampling;
  const { concurrency: ____, ...schedule } = config.schedule;
  const { preload: _____, ...python } = config.python;
  const answer = config.answer ?? profile.policy;
  const { strategy, vote, budget, earlyStop } = config;
  const parts = { sampling, python, answer, vote, budget, earlyStop, schedule, strategy, profile };
  for (const [key, value] of Object.entries(parts)) {
    for (const [path, leaf] of leaves(value, key)) settings.set(path, leaf);
  }
  return settings;
}

function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}
