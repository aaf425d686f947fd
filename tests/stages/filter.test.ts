import { describe, expect, it } from "vitest";
import { loadProblems } from "../../pipeline/adapters/dataset-files/load-problems.ts";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { problemsFile, rejectedFile, selectedFile } from "../../pipeline/artifacts/artifact-file.ts";
import type { Problem } from "../../pipeline/artifacts/problem.ts";
import { runFilter } from "../../pipeline/stages/filter.ts";
import { runLoad } from "../../pipeline/stages/load.ts";
import { dataFolder, hasDataFolder } from "../helpers/data-folder.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

function problem(problemId: string, gold: string, rest: Partial<Problem> = {}): Problem {
  return {
    problemId,
    set: problemId.slice(0, problemId.indexOf("/")),
    statement: `Statement of ${problemId}`,
    gold,
    ...rest,
  };
}

async function filtered(problems: readonly Problem[], options: Partial<Parameters<typeof runFilter>[1]> = {}) {
  const store = await openRunDirectory(await temporaryFolder());
  await store.replace(problemsFile, problems);
  const result = await runFilter(store, { rule: "integer", sources: [], ...options });
  return {
    result,
    selected: await Array.fromAsync(store.rows(selectedFile)),
    rejected: await Array.fromAsync(store.rows(rejectedFile)),
  };
}

describe("filter", () => {
  it("keeps integers in canonical form and gives every other row a reason", async () => {
    const { selected, rejected } = await filtered([
      problem("a/1", "142.0"),
      problem("a/2", "-4"),
      problem("a/3", "3.5"),
      problem("a/4", "1".repeat(40)),
      problem("a/5", ""),
    ]);
    expect(selected.map(({ answer }) => answer)).toEqual(["142", "-4", "1".repeat(40)]);
    expect(rejected).toEqual([
      { problemId: "a/3", set: "a", gold: "3.5", reason: "not an integer: 3.5" },
      { problemId: "a/5", set: "a", gold: "", reason: "no gold answer" },
    ]);
  });

  it("flags equal statements within and across sets, blanks and case aside", async () => {
    const { selected } = await filtered([
      problem("a/1", "1", { statement: "What  is\n$x$?" }),
      problem("a/2", "1", { statement: "what is $x$?" }),
      problem("b/1", "1", { statement: "What is $x$? " }),
      problem("b/2", "1"),
    ]);
    expect(selected.map(({ flags }) => flags)).toEqual([
      ["duplicateStatement"],
      ["duplicateStatement"],
      ["duplicateStatement"],
      [],
    ]);
    expect(selected[0]?.meta).toEqual({ duplicateOf: ["a/2", "b/1"] });
  });

  it("takes the first rows of a set after filtering, or draws some, and says what it left out", async () => {
    const rows = ["x", "2", "3", "4", "5"].map((gold, index) => problem(`a/${index}`, gold));
    const taken = await filtered(rows, { sources: [{ set: "a", take: 2 }] });
    expect(taken.selected.map(({ problemId }) => problemId)).toEqual(["a/1", "a/2"]);
    expect(taken.rejected.map(({ reason }) => reason)).toContain("not among the first 2 (take)");

    const sources = [{ set: "a", sample: { size: 2, seed: 3 } }];
    const drawn = await filtered(rows, { sources });
    const again = await filtered(rows.toReversed(), { sources });
    expect(drawn.selected).toHaveLength(2);
    expect(again.selected.map(({ problemId }) => problemId).toSorted()).toEqual(
      drawn.selected.map(({ problemId }) => problemId).toSorted(),
    );
    expect(drawn.selected.length + drawn.rejected.length).toBe(rows.length);
  });

  it("refuses a set of which nothing is left, an empty file, and a problemId that stands twice", async () => {
    await expect(filtered([problem("a/1", "1"), problem("b/1", "x")])).rejects.toThrow(
      "No problem of the set b is left",
    );
    await expect(filtered([])).rejects.toThrow("nothing to evaluate");
    await expect(filtered([problem("a/1", "1"), problem("a/1", "2")])).rejects.toThrow(
      "two rows for a/1, in lines 1 and 2",
    );
  });
});

describe.skipIf(!hasDataFolder)("the four validation sets", () => {
  const files = {
    amc: "aimo-validation-amc.jsonl",
    aime: "aimo-validation-aime.jsonl",
    "math-level-4": "math-test-level4.jsonl",
    "math-level-5": "math-test-level5.jsonl",
  };

  it("filter to 83, 90, 754 and 721, with 12 borderline rows and every dropped row explained", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    const sources = Object.entries(files).map(([set, file]) => ({ set, path: `${dataFolder}/validation/${file}` }));
    const { problems } = await runLoad(store, sources, { read: loadProblems });
    const { kept, flags, selected, rejected } = await runFilter(store, { rule: "integer", sources });
    expect(Object.fromEntries(kept)).toEqual({ amc: 83, aime: 90, "math-level-4": 754, "math-level-5": 721 });
    expect(flags.get("borderline")).toBe(12);
    expect(selected + rejected).toBe(problems);
    const reasons = (await Array.fromAsync(store.rows(rejectedFile))).map(({ reason }) => reason);
    expect(reasons.every((reason) => reason.startsWith("not an integer"))).toBe(true);
  });
});
