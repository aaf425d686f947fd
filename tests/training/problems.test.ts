import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../adapters/dataset-files/temporary-folder.ts";
import { openSandbox, python, type SandboxUnderTest } from "../adapters/sandbox/sandbox-under-test.ts";

const problems = fileURLToPath(new URL("../../training/problems", import.meta.url));
const datasets = fileURLToPath(new URL("../../datasets/tiny", import.meta.url));
const folder = temporaryFolder();

interface Row {
  id: string;
  problem: string;
  answer: string;
  family: string;
  level: number;
  phrasing: "seen" | "held-out";
}
const [validation, test] = ["validation", "test"].map((split) =>
  readFileSync(join(datasets, `${split}.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line): Row => JSON.parse(line)),
) as [Row[], Row[]];

/** What a program that has the generator's modules at hand prints. */
async function generated(code: string): Promise<string> {
  const { stdout } = await execa("python3", ["-c", code], { cwd: problems, maxBuffer: 1 << 27 });
  return stdout;
}

describe("the tiny problems", () => {
  it("are what the generator writes, to the byte", async () => {
    await execa("python3", [join(problems, "write_sets.py"), folder.path]);
    for (const file of ["validation.jsonl", "test.jsonl"]) {
      expect(readFileSync(join(folder.path, file), "utf8")).toBe(readFileSync(join(datasets, file), "utf8"));
    }
  });

  it.each([
    ["validation", validation],
    ["test", test],
  ])("of the %s set are 400 of 18 families and three levels, half in held-out phrasings", (_split, rows) => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(400);
    expect(new Set(rows.map(({ problem }) => problem)).size).toBe(400);
    for (const family of new Set(rows.map(({ family }) => family))) {
      expect(rows.filter((row) => row.family === family).length).toBeGreaterThanOrEqual(22);
    }
    expect(new Set(rows.slice(0, 54).map(({ family, level }) => `${family} ${level}`)).size).toBe(54);
    expect(rows.filter(({ phrasing }) => phrasing === "held-out")).toHaveLength(200);
    expect(rows.every(({ answer }) => /^(0|[1-9]\d{0,7})$/u.test(answer))).toBe(true);
  });
});

describe("check_overlap.py", () => {
  const check = (rows: object[]) => {
    const path = folder.write("training.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    return execa("python3", [join(problems, "check_overlap.py"), path], { reject: false });
  };

  it("finds nothing in training problems", async () => {
    const rows = await generated(
      `import json, splits
print(json.dumps([{"family": p.family.name, "problem": p.problem} for p in splits.training_problems("tir", 3000)]))`,
    );
    expect(await check(JSON.parse(rows))).toMatchObject({
      exitCode: 0,
      stdout: "No overlap of 800 problems with 3000 rows.",
    });
  });

  it.each([
    ["a problem in other words", "gcd", "How far can one shorten 40 over 130?", "test/gcd-1-0"],
    ["a problem with its numbers exchanged", "gcd", "What is gcd(130, 40)?", "test/gcd-1-0"],
    ["the words of a held-out phrasing", "series", wordsOf("series-1-0"), "test/series-1-0"],
  ])("fails on %s", async (_what, family, problem, found) => {
    expect(await check([{ family, problem }])).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(found) });
  });
});

function wordsOf(id: string): string {
  return (test.find((row) => row.id === id)?.problem ?? "").replaceAll(/\d+/gu, "99");
}

describe.skipIf(!python)("the programs that solve the tiny problems", () => {
  let under: SandboxUnderTest;
  beforeAll(async () => {
    under = await openSandbox({});
  });
  afterAll(() => under.sandbox.close());

  it.each(["validation", "test"])("end with the gold answers, after exceptions, in the %s set", async (split) => {
    const solutions: { id: string; answer: number; programs: string[] }[] = JSON.parse(
      await generated(
        `import json, splits
print(json.dumps([{"id": p.id, "answer": p.answer, "programs": [a.program for a in p.family.attempts(*p.numbers)]}
                  for p in splits.evaluation_set("${split}")]))`,
      ),
    );
    const turns = await Promise.all(
      solutions.map(async ({ id, answer, programs }) => {
        const results = await Promise.all(programs.map((program) => under.run(program)));
        expect([id, ...results.map(({ outcome }) => outcome)]).toEqual([
          id,
          ...programs.slice(1).map(() => "error"),
          "ok",
        ]);
        expect([id, results.at(-1)?.stdout]).toEqual([id, `${answer}\n`]);
        return programs.length;
      }),
    );
    const [one, two, three] = [1, 2, 3].map((count) => turns.filter((programs) => programs === count).length);
    expect(one).toBeLessThan(360);
    expect(two).toBeGreaterThan(40);
    expect(three).toBeGreaterThan(0);
  });
});
