import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCard } from "../../pipeline/adapters/dataset-files/cards.ts";
import { readProblems } from "../../pipeline/adapters/dataset-files/read-problems.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedJson, nested } from "./hostile-json.ts";
import { damagedBytes, hostileKey, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

/** Every row becomes a problem, or the error names the file and where in it. */
async function check(
  path: string,
  bytes: string | Buffer,
  rows: number | undefined,
  source: Partial<Parameters<typeof readProblems>[0]> = {},
): Promise<void> {
  await writeFile(path, bytes);
  try {
    const { problems } = await readProblems({ set: "set", path, ...source });
    if (rows !== undefined) expect(problems).toHaveLength(rows);
    for (const { problemId, statement, gold } of problems) {
      expect([problemId.startsWith("set/"), statement.isWellFormed(), gold.isWellFormed()]).toEqual([true, true, true]);
    }
  } catch (error) {
    asUseful(error, path);
  }
}

const rows = [
  { id: "one", problem: "What is $6 \\cdot 7$?", answer: "42", level: "Level 5", extra: { deep: [1, { x: null }] } },
  { id: 2, problem: "What is $2^{10}$?", answer: 1024.0, solution: "x".repeat(300) },
];
const good = '{"id": "good", "problem": "How many?", "answer": 3}';

describe("a .jsonl data file", () => {
  it("is read row by row, or refused by line", async () => {
    const path = join(await temporaryFolder(), "data.jsonl");
    await fc.assert(
      fc.asyncProperty(changedJson(rows), (bad) => check(path, `${bad}\n${good}\n`, 2)),
      runs(60),
    );
  });

  it("with damaged bytes is read, or refused by line", async () => {
    const path = join(await temporaryFolder(), "data.jsonl");
    const text = `${rows.map((row) => JSON.stringify(row)).join("\n")}\n${good}\n`;
    await fc.assert(
      fc.asyncProperty(damagedBytes([text]), (bytes) => check(path, bytes, undefined)),
      runs(60),
    );
  });

  it("gives a field of any name, and none that is not there", async () => {
    const path = join(await temporaryFolder(), "data.jsonl");
    const fields = fc.record({ id: hostileKey, statement: hostileKey, gold: hostileKey }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(fields, fc.dictionary(hostileKey, hostileKey, { maxKeys: 2 }), async (chosen, where) => {
        await check(path, `${JSON.stringify(rows[0])}\n`, 1, { fields: chosen, where });
      }),
      runs(60),
    );
    await writeFile(path, `{"__proto__": "What?", "constructor": "42", "toString": "a"}\n`);
    const fields2 = { statement: "__proto__", gold: "constructor", id: "toString" };
    const { problems } = await readProblems({ set: "set", path, fields: fields2 });
    expect(problems).toEqual([{ problemId: "set/a", set: "set", statement: "What?", gold: "42" }]);
  });

  it.each([
    ["a list, 100,000 levels deep", nested(100_000)],
    ["a field, 100,000 levels deep", `{"x": ${nested(100_000)}}`],
    ["a field, 3,000 levels deep", `{"x": ${'{"a":'.repeat(3000)}1${"}".repeat(3000)}}`],
    ["a key that stands twice", '{"id": 1, "problem": "What?", "answer": 1, "answer": 2}'],
    ["a key that stands twice, once in escapes", '{"id": 1, "problem": "What?", "answer": 1, "\\u0061nswer": 2}'],
  ])("refuses %s", async (_, line) => {
    const path = join(await temporaryFolder(), "data.jsonl");
    await writeFile(path, `${line}\n`);
    const error = await readProblems({ set: "set", path }).catch((thrown: unknown) => thrown);
    expect(asUseful(error, path).message).toMatch(/line 1/u);
  });
});

describe("a .csv data file", () => {
  it("with damaged bytes or any values is read, or refused by line", async () => {
    const path = join(await temporaryFolder(), "data.csv");
    const text = 'id,problem,answer\r\none,"What, ""is"" it?",42\r\ntwo,"A line\nand another",-7\r\n';
    const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
    const values = fc.tuple(hostileText, hostileText, hostileText).map((row) => `${row.map(quoted).join(",")}\n`);
    const other = fc.oneof(
      damagedBytes([text]),
      values.map((row) => text + row),
      fc.tuple(hostileKey, hostileKey).map((header) => `${header.map(quoted).join(",")}\nx,y\n`),
    );
    await fc.assert(
      fc.asyncProperty(other, (bytes) => check(path, bytes, undefined)),
      runs(75),
    );
  });
});

describe("a .parquet data file", () => {
  const fixtures = fileURLToPath(new URL("../adapters/dataset-files/fixtures/", import.meta.url));
  it.each([
    ["amc-shaped.parquet", {}],
    ["integers-snappy.parquet", { id: "name" }],
    ["doubles-zstd.parquet", { id: "name" }],
  ])("%s with damaged bytes is read, or refused", async (name, fields) => {
    const path = join(await temporaryFolder(), name);
    const bytes = readFileSync(join(fixtures, name));
    const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255), fc.boolean()), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const copy = Buffer.from(bytes);
        const footer = copy.readUInt32LE(copy.length - 8) + 8;
        for (const [share, value, isFooter] of changes) {
          copy[Math.floor(copy.length - 1 - share * ((isFooter ? footer : copy.length) - 1))] = value;
        }
        await check(path, copy, undefined, { fields });
      }),
      runs(20, 2),
    );
  });
});

describe("a card of a set", () => {
  const cards = fileURLToPath(new URL("../../datasets/", import.meta.url));
  it("is read, or refused with its path", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "amc.yaml");
    const other = damagedBytes([readFileSync(join(cards, "amc.yaml"), "utf8")]);
    await fc.assert(
      fc.asyncProperty(other, async (bytes) => {
        await writeFile(path, bytes);
        await loadCard("amc", folder).catch((error: unknown) => asUseful(error, path));
      }),
      runs(40),
    );
  });
});
