import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listCards, loadCard } from "../../../pipeline/adapters/dataset-files/cards.ts";
import { loadProblems, withCard } from "../../../pipeline/adapters/dataset-files/load-problems.ts";
import { compileKeyRule } from "../../../pipeline/adapters/dataset-files/problem-key.ts";
import { readProblems } from "../../../pipeline/adapters/dataset-files/read-problems.ts";
import { readGold } from "../../../pipeline/core/gold-answer.ts";
import { dataFolder, hasDataFolder } from "../../helpers/data-folder.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();
const environment = { SCTIR_DATA: dataFolder, SCTIR_CACHE: join(folder.path, "no-cache") };

describe("the cards", () => {
  it("are there for the four validation sets and those that come with sctir", async () => {
    const cards = await listCards();
    expect(cards.map(({ name, rows }) => [name, rows.before, rows.after])).toEqual([
      ["aime", 90, 90],
      ["amc", 83, 83],
      ["math-level-4", 754, 754],
      ["math-level-5", 721, 721],
      ["sample", 24, 24],
      ["tiny", 400, 400],
      ["tiny-validation", 400, 400],
    ]);
  });

  it("are found by name, with the nearest for a slip", async () => {
    expect(await loadCard("amc")).toMatchObject({ name: "amc", source: { repository: "AI-MO/aimo-validation-amc" } });
    await expect(loadCard("math-level-6")).rejects.toMatchObject({
      name: "UserError",
      message: 'No data set is called "math-level-6".',
      hint: expect.stringMatching(/^Did you mean "math-level-[45]"\?/u),
    });
    await expect(loadCard("../cards/amc")).rejects.toMatchObject({ name: "UserError", exitCode: 2 });
  });

  it.each([
    ["not YAML", "name: {", "broken.yaml", "not valid YAML"],
    ["an unknown field", "name: broken\ncolour: red", "broken.yaml", "title"],
    ["another name than its file", cardText("other"), "broken.yaml", 'expected "broken", as the file is called'],
  ])("with %s are refused with their path", async (what, text, file, message) => {
    const path = folder.write(join("cards", what, file), text);
    await expect(loadCard("broken", join(path, ".."))).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining(message),
    });
    await expect(loadCard("broken", join(path, ".."))).rejects.toMatchObject({
      message: expect.stringContaining(path),
    });
  });
});

function cardText(name: string): string {
  return [
    `name: ${name}`,
    ...["title", "description", "licence", "homepage", "file"].map((key) => `${key}: x`),
    "fields: {}",
    "rows: {before: 1, after: 1}",
  ].join("\n");
}

describe("the wiki rule of a card", () => {
  const page = "https://artofproblemsolving.com/wiki/index.php";
  it.each([
    ["amc", `${page}/2022_AMC_12A_Problems/Problem_1`, "2022_AMC_12A_Problem_1"],
    ["amc", `${page}/2023_AMC_12B_Problems/Problem_25#Solution_2`, "2023_AMC_12B_Problem_25"],
    ["amc", `${page}?title=2021_Fall_AMC_12A_Problems/Problem_7&oldid=1`, "2021_Fall_AMC_12A_Problem_7"],
    ["amc", `${page}?title=2021%20Fall%20AMC%2012B%20Problems%2FProblem%207`, "2021_Fall_AMC_12B_Problem_7"],
    ["amc", "2022 AMC 12A Problems/Problem 3", "2022_AMC_12A_Problem_3"],
    ["amc", `${page}/2022_AIME_I_Problems/Problem_1`, undefined],
    ["aime", `${page}/2022_AIME_I_Problems/Problem_1`, "2022_AIME_I_Problem_1"],
    ["aime", `${page}/2024_AIME_II_Problems/Problem_15?srsltid=x`, "2024_AIME_II_Problem_15"],
    ["aime", `${page}/2024_AIME_II_Problems`, undefined],
  ])("of %s makes of %s the key %s", async (name, url, key) => {
    const { key: rule } = await loadCard(name);
    expect(rule && compileKeyRule(rule).keyOf(url)).toBe(key);
  });
});

describe.skipIf(!hasDataFolder)("a validation set", () => {
  it.each([
    { set: "amc", rows: 83, first: "amc/2022_AMC_12A_Problem_1", gold: "142.0" },
    { set: "aime", rows: 90, first: "aime/2022_AIME_I_Problem_1", gold: "116" },
    { set: "math-level-4", rows: 1214, first: "math-level-4/math-test-2", gold: "\\dfrac{9}{7}" },
    { set: "math-level-5", rows: 1324, first: "math-level-5/math-test-3", gold: "i" },
  ])("$set has $rows rows before filtering, each with a key of its own", async ({ set, rows, first, gold }) => {
    const { problems, dataset, notes } = await loadProblems({ set }, { environment });
    expect(notes).toEqual([]);
    expect(dataset).toMatchObject({ set, rows });
    expect(problems[0]).toMatchObject({ problemId: first, set, gold });
    expect(problems).toHaveLength(rows);
    expect(new Set(problems.map(({ problemId }) => problemId)).size).toBe(rows);
  });

  it.each(["amc", "aime", "math-level-4", "math-level-5"])(
    "%s leaves as many problems as its card says",
    async (set) => {
      const card = await loadCard(set);
      const { problems } = await loadProblems({ set }, { environment });
      expect(problems.filter(({ gold }) => "answer" in readGold(gold, "integer"))).toHaveLength(card.rows.after);
    },
  );

  it.each(["amc", "aime", "math-level-4", "math-level-5"])("%s keeps its keys when rows are shuffled", async (set) => {
    const card = await loadCard(set);
    const { problems, dataset } = await loadProblems({ set }, { environment });
    const lines = readFileSync(dataset.file, "utf8").trimEnd().split("\n");
    // An order that a fixed stride makes: every line once, none where it was but the first.
    const shuffled = lines.map((_line, at) => lines[(at * 389) % lines.length]);
    const path = folder.write(`shuffled-${set}.jsonl`, `${shuffled.join("\n")}\n`);
    const again = await readProblems(withCard(card, path));
    expect(again.problems.map(({ problemId }) => problemId)).not.toEqual(problems.map(({ problemId }) => problemId));
    const byId = (a: { problemId: string }, b: { problemId: string }) => (a.problemId < b.problemId ? -1 : 1);
    expect(again.problems.toSorted(byId)).toEqual(problems.toSorted(byId));
  });

  it("keeps gold answers as published: floats, base-b numerals, blanks at the start", async () => {
    const golds = async (set: string) =>
      (await loadProblems({ set }, { environment })).problems.map(({ gold }) => gold);
    expect(await golds("amc")).toEqual(expect.arrayContaining(["-4.0", "-1.0", "8178.0"]));
    expect(await golds("math-level-4")).toEqual(expect.arrayContaining([" 5", "2112_6"]));
    expect(await golds("math-level-5")).toEqual(expect.arrayContaining(["-221_3"]));
  });

  it("notes a file with other bytes or another number of rows", async () => {
    const lines = readFileSync(join(dataFolder, "validation/aimo-validation-amc.jsonl"), "utf8").trimEnd().split("\n");
    const path = folder.write("other/aimo-validation-amc.jsonl", `${lines.slice(1).join("\n")}\n`);
    const { notes } = await loadProblems({ set: "amc", path }, { environment });
    expect(notes).toEqual([
      expect.stringContaining("has 82 rows; known files of the set amc have 83"),
      expect.stringContaining("none of the known files"),
    ]);
  });
});

describe("loadProblems", () => {
  it("reads a file of the user's own, relative to the config's directory", async () => {
    folder.write("own/set.csv", "nr,question,answer\n1,p,2\n");
    const { problems, dataset } = await loadProblems(
      { set: "mine", file: "set.csv", fields: { id: "nr", statement: "question" } },
      { directory: join(folder.path, "own") },
    );
    expect(problems).toEqual([{ problemId: "mine/1", set: "mine", statement: "p", gold: "2" }]);
    expect(dataset).toMatchObject({ set: "mine", file: join(folder.path, "own/set.csv"), rows: 1 });
  });

  it("reads the set that comes along without any folder", async () => {
    const { problems, notes } = await loadProblems({ set: "sample" }, { environment: {} });
    expect(problems).toHaveLength(24);
    expect(notes).toEqual([]);
  });

  it("refuses path and file together", async () => {
    await expect(loadProblems({ set: "amc", path: "a", file: "b" })).rejects.toMatchObject({
      message: expect.stringContaining("both path and file"),
    });
  });

  it("says how to read a file that is not as its card says", async () => {
    const path = folder.write("unlike/aimo-validation-amc.jsonl", '{"id": 1, "question": "p", "answer": 2}\n');
    await expect(loadProblems({ set: "amc", path })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining('line 1: the field "problem" (statement) is missing'),
      hint: expect.stringContaining("{set: my-amc, file: FILE"),
    });
  });
});
