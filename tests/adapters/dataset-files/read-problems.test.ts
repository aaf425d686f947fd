import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type ProblemFileSource, readProblems } from "../../../pipeline/adapters/dataset-files/read-problems.ts";
import { dataFolder, hasDataFolder } from "../../helpers/data-folder.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

let written = 0;

/** Reads a file of this content under the label `own`. */
function read(ending: string, content: string | Uint8Array, options: Omit<Partial<ProblemFileSource>, "path"> = {}) {
  written += 1;
  return readProblems({ set: "own", path: folder.write(`${written}/data${ending}`, content), ...options });
}

const row = (fields: object) => `${JSON.stringify({ id: "1", problem: "What is $1+1$?", answer: "2", ...fields })}\n`;

/** What a UserError says: its message holds `message`, its hint `hint`. */
const userError = (message: string, hint = "") =>
  expect.objectContaining({
    name: "UserError",
    exitCode: 2,
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });

describe("a JSON lines file", () => {
  it("becomes problems named by set and id, statement and gold to the character", async () => {
    const { problems } = await read(
      ".jsonl",
      row({ id: "a", problem: " Find $x$.\n", answer: " 5" }) + row({ id: "b" }),
    );
    expect(problems).toEqual([
      { problemId: "own/a", set: "own", statement: " Find $x$.\n", gold: " 5" },
      { problemId: "own/b", set: "own", statement: "What is $1+1$?", gold: "2" },
    ]);
  });

  it.each(["142.0", "-4.0", "12345678901234567890123", "1e400", "0.10", "-0"])(
    "keeps the spelling of the number %s",
    async (number) => {
      const { problems } = await read(".jsonl", `{"id": 7, "problem": "p", "answer": ${number}}\n`);
      expect(problems).toMatchObject([{ problemId: "own/7", gold: number }]);
    },
  );

  it("may have a byte order mark, CRLF, blank lines and no line end at the end", async () => {
    const { problems, rows } = await read(
      ".jsonl",
      `\uFEFF${row({ id: "a" }).trim()}\r\n\r\n  \n${row({ id: "b" }).trim()}`,
    );
    expect(problems.map(({ problemId }) => problemId)).toEqual(["own/a", "own/b"]);
    expect(rows).toBe(2);
  });

  it("yields its checksum and the rows in it, whatever the filter keeps", async () => {
    const content = row({ id: "a", level: "1" }) + row({ id: "b", level: "2" });
    const { problems, rows, sha256 } = await read(".jsonl", content, { where: { level: "2" } });
    expect(problems).toMatchObject([{ problemId: "own/b" }]);
    expect(rows).toBe(2);
    expect(sha256).toBe(createHash("sha256").update(content).digest("hex"));
  });

  it("may have lines that are split over reads anywhere, in the middle of a character too", async () => {
    const long = "α≤β🙂".repeat(30_000);
    const { problems } = await read(
      ".jsonl",
      Array.from({ length: 12 }, (_, id) => row({ id, problem: long })).join(""),
    );
    expect(problems).toHaveLength(12);
    expect(problems.every(({ statement }) => statement === long)).toBe(true);
  });

  it.each([
    ["a torn last line", row({}) + row({ id: "2" }).slice(0, 30), "line 2: expected a JSON object", "cut off"],
    ["a torn line within", `${row({}).slice(0, 30)}\n${row({})}`, "line 1: expected a JSON object", "Mend"],
    ["a row that is a list", `${row({})}[1]\n`, "line 2: expected a JSON object, found a list", "jq -c"],
    ["an array over lines", `[\n${row({})}]\n`, "line 1: expected a JSON object", "jq -c"],
    ["an object over lines", '{\n  "id": 1\n}\n', "line 1: expected a JSON object", "single line"],
    ["a row that is null", "null\n", "line 1: expected a JSON object, found null", ""],
    ["values nested too deeply", `{"a": ${"[".repeat(200_000)}`, "line 1: expected a JSON object", ""],
    ["bytes that are not UTF-8", Buffer.from(row({ problem: "é" }), "latin1"), "line 1: expected UTF-8", "Save"],
  ])("with %s is refused", async (_what, content, message, hint) => {
    await expect(read(".jsonl", content)).rejects.toEqual(userError(message, hint));
  });
});

describe("a statement", () => {
  it.each([
    ["is empty", { problem: " \n" }, 'line 1: the statement in "problem" is empty'],
    ["is a number", { problem: 5 }, "expected text, found a number"],
    ["is null", { problem: null }, "expected text, found null"],
    ["is a list", { problem: ["p"] }, "expected text, found a list"],
    ["holds half a surrogate pair", { problem: "\ud83d" }, "lone surrogate"],
    ["is over 200,000 characters long", { problem: "x".repeat(200_001) }, "has 200001 characters"],
    ["is 40 MB long", { problem: "x".repeat(40e6) }, "has 40000000 characters"],
  ])("that %s is refused", async (_what, fields, message) => {
    await expect(read(".jsonl", row(fields))).rejects.toEqual(userError(message, "fields: {statement: NAME}"));
  });

  it("may have 200,000 characters", async () => {
    const { problems } = await read(".jsonl", row({ problem: "x".repeat(200_000) }));
    expect(problems).toHaveLength(1);
  });

  it("does not fill the memory with a line that has no end", async () => {
    await expect(read(".jsonl", Buffer.alloc(70 * 2 ** 20, "x"))).rejects.toEqual(
      userError("line 1: the line is longer"),
    );
  });
});

describe("a gold answer", () => {
  it("may be an empty text, which the filter judges", async () => {
    expect((await read(".jsonl", row({ answer: "" }))).problems).toMatchObject([{ gold: "" }]);
  });

  it.each([
    [null, "found null"],
    [true, "found true"],
    [["2"], "found a list"],
    [{ value: 2 }, "found an object"],
  ])("of %j is refused", async (answer, message) => {
    await expect(read(".jsonl", row({ answer }))).rejects.toEqual(userError(message, "fields: {gold: NAME}"));
  });
});

describe("a field mapping", () => {
  it("reaches nested fields by dots, and a field whose own name has dots first", async () => {
    const content = row({ meta: { key: { name: "k1" } }, "gold.value": "3", gold: { value: "4" } });
    const { problems } = await read(".jsonl", content, { fields: { id: "meta.key.name", gold: "gold.value" } });
    expect(problems).toMatchObject([{ problemId: "own/k1", gold: "3" }]);
  });

  it("carries level and url where rows have them", async () => {
    const fields = { level: "difficulty", url: "link" };
    const { problems, notes } = await read(".jsonl", row({ id: "a", difficulty: 5, link: "u" }) + row({ id: "b" }), {
      fields,
    });
    expect(problems).toMatchObject([{ level: "5", url: "u" }, {}]);
    expect(problems[1]).not.toHaveProperty("level");
    expect(notes).toEqual([]);
  });

  it("notes an optional field that no row has and that looks like a slip", async () => {
    const { notes } = await read(".jsonl", row({ level: "1" }), { fields: { level: "levle" } });
    expect(notes).toEqual([expect.stringContaining('no row has the field "levle"; did you mean "level"?')]);
  });

  it("is refused with the nearest name, and the names there are", async () => {
    const content = `${row({})}{"id": "2", "problm": "p", "answer": "1"}\n`;
    await expect(read(".jsonl", content)).rejects.toEqual(
      userError(
        'line 2: the field "problem" (statement) is missing; the row has id, problm, answer',
        "statement: problm",
      ),
    );
  });

  it("does not take inherited names for fields", async () => {
    await expect(read(".jsonl", row({}), { fields: { gold: "constructor.name" } })).rejects.toEqual(
      userError('the field "constructor.name" (gold) is missing'),
    );
  });
});

describe("a filter by field", () => {
  it("keeps rows whose field equals the text, numbers and booleans by their spelling", async () => {
    const content = [row({ id: 1, n: 4, ok: true }), row({ id: 2, n: 5, ok: true }), row({ id: 3, n: 4 })].join("");
    const { problems } = await read(".jsonl", content, { where: { n: "4", ok: "true" } });
    expect(problems.map(({ problemId }) => problemId)).toEqual(["own/1"]);
  });

  it("that leaves nothing is refused with what is there", async () => {
    await expect(read(".jsonl", row({ level: "Level 5" }), { where: { level: "5" } })).rejects.toEqual(
      userError('no row with level = "5"', 'level has "Level 5"'),
    );
  });

  it("on a field that no row has is refused with the nearest", async () => {
    await expect(read(".jsonl", row({ level: "5" }), { where: { levl: "5" } })).rejects.toEqual(
      userError('the field "levl" (where) is missing', "where: {level: TEXT}"),
    );
  });
});

describe("a problem's key", () => {
  it("is a hash of the statement where rows have no id, the same in any order", async () => {
    const rows = ["p1", "p2", "p3"].map((problem) => JSON.stringify({ problem, answer: "1" }));
    const forward = await read(".jsonl", rows.join("\n"));
    const backward = await read(".jsonl", rows.toReversed().join("\n"));
    expect(forward.problems.map(({ problemId }) => problemId)).toEqual([
      expect.stringMatching(/^own\/[0-9a-f]{16}$/u),
      expect.stringMatching(/^own\/[0-9a-f]{16}$/u),
      expect.stringMatching(/^own\/[0-9a-f]{16}$/u),
    ]);
    expect(backward.problems.toReversed()).toEqual(forward.problems);
  });

  it("that two rows share is refused with both lines and a field that is unique", async () => {
    const rows = [1, 2, 1].map((id, at) => row({ id, link: `l${at}` }));
    await expect(read(".jsonl", rows.join(""))).rejects.toEqual(
      userError('line 1 and line 3 have the same id, "1"', "fields: {id: link}"),
    );
  });

  it("that two rows share is refused where no field is unique", async () => {
    await expect(read(".jsonl", row({}) + row({}))).rejects.toEqual(
      userError("line 1 and line 2 have the same id", "NAME"),
    );
  });

  it("is free of rows that the filter drops", async () => {
    const { problems } = await read(".jsonl", row({ split: "a" }) + row({ split: "b" }), { where: { split: "b" } });
    expect(problems).toHaveLength(1);
  });

  it("made from one statement twice is refused", async () => {
    const line = `${JSON.stringify({ problem: "p", answer: "1" })}\n`;
    await expect(read(".jsonl", line + line)).rejects.toEqual(
      userError("line 1 and line 2 have the same statement", "id"),
    );
  });

  it.each([
    ["", "it is empty"],
    ["a\nb", "control character"],
    ["k".repeat(201), "201 characters"],
    [null, "found null"],
    [{ a: 1 }, "found an object"],
  ])("of %j is refused", async (id, message) => {
    await expect(read(".jsonl", row({ id }), { fields: { id: "id" } })).rejects.toEqual(
      userError(message, "fields: {id"),
    );
  });

  it("follows a rule, and a text that does not match it is refused", async () => {
    const key = { pattern: "/(?<year>\\d+)/(?<name>[^/]+)$", rule: "$<year>-$<name>" };
    const options = { fields: { id: "link" }, key };
    const { problems } = await read(".jsonl", row({ link: "x/2022/a b" }), options);
    expect(problems).toMatchObject([{ problemId: "own/2022-a_b" }]);
    await expect(read(".jsonl", row({ link: "elsewhere" }), options)).rejects.toEqual(
      userError('no key can be made from "link": "elsewhere"', "matches"),
    );
  });
});

describe("a CSV file", () => {
  it("may quote values over lines, with CRLF, a byte order mark and blank lines", async () => {
    const content = '\uFEFFid,problem,answer\r\n1,"Let ""x"",\r\n\r\ny = 1",52\r\n\r\n2,p,007\r\n';
    const { problems, rows } = await read(".csv", content);
    expect(problems).toMatchObject([
      { problemId: "own/1", statement: 'Let "x",\r\n\r\ny = 1', gold: "52" },
      { problemId: "own/2", statement: "p", gold: "007" },
    ]);
    expect(rows).toBe(2);
  });

  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ])("names the line where a row begins, after rows that span lines (%s)", async (_name, end) => {
    const content = ["id,problem,answer", '1,"a', "", 'b",1', "", "2,,2"].join(end) + end;
    await expect(read(".csv", content)).rejects.toEqual(userError("line 6: the statement"));
  });

  it.each([
    ["another number of fields", "id,problem,answer\n1,p\n", "line 2: expected 3 fields, as the header has, found 2"],
    ["an unquoted comma", "id,problem,answer\n1,p,q,2\n", "line 2: expected 3 fields"],
    [
      "an unclosed quote",
      'id,problem,answer\n1,p,2\n2,"p,3\n',
      "at or after line 3: a quote is opened and never closed",
    ],
    ["a quote within a value", 'id,problem,answer\n1,a "b" c,2\n', "at or after line 2: a quote stands in the middle"],
    ["text after a quote", 'id,problem,answer\n1,"a" c,2\n', "at or after line 2: a quoted value goes on"],
    ["a field named twice", "id,problem,problem\n1,p,2\n", 'names the field "problem" twice'],
    ["semicolons", "id;problem;answer\n1;p;2\n", 'line 1: expected commas between the fields, found ";"'],
    ["nothing but a header", "id,problem,answer\n", "holds no rows"],
    ["bytes that are not UTF-8", Buffer.from("id,problem,answer\n1,é,2\n", "latin1"), "expected UTF-8"],
  ])("with %s is refused", async (_what, content, message) => {
    await expect(read(".csv", content)).rejects.toEqual(userError(message));
  });
});

describe("a parquet file", () => {
  it("has doubles as Python writes them, over several row groups (zstd)", async () => {
    const { problems, rows } = await readProblems({
      set: "own",
      path: fixture("doubles-zstd.parquet"),
      fields: { id: "url", url: "url" },
    });
    expect(rows).toBe(6);
    expect(problems.map(({ gold }) => gold)).toEqual(["142.0", "-4.0", "8178.0", "0.5", "1e+16", "-0.0"]);
    expect(problems[4]).toMatchObject({ statement: "What is $4+5$?\n(Give an integer: α≤β.)" });
  });

  it.each([
    ["large", ["9007199254740993", "-9223372036854775808", "7"]],
    ["small", ["33", "-4", "0"]],
    ["decimal", ["142.00", "-0.05", "3.10"]],
    ["question.number", ["0", "1", "2"]],
  ])("has the integers and decimals of %s exactly (snappy)", async (gold, expected) => {
    const path = fixture("integers-snappy.parquet");
    const { problems } = await readProblems({
      set: "own",
      path,
      fields: { id: "key", statement: "question.text", gold },
    });
    expect(problems.map((problem) => problem.gold)).toEqual(expected);
    expect(problems[1]).toMatchObject({ problemId: "own/b", statement: "How many? 1" });
  });

  it.each([
    ["sparse", 'row 2: "sparse" is the gold answer; expected text or a number, found null'],
    ["several", 'row 1: "several" is the gold answer; expected text or a number, found a list'],
    ["huge", "found a decimal too large to be read exactly"],
    ["larg", 'the field "larg" (gold) is missing; the row has key, question.text'],
  ])("is refused where the gold answer is %s", async (gold, message) => {
    const path = fixture("integers-snappy.parquet");
    const fields = { id: "key", statement: "question.text", gold };
    await expect(readProblems({ set: "own", path, fields })).rejects.toEqual(userError(message));
  });

  it("names rows where an id repeats", async () => {
    await expect(readProblems({ set: "own", path: fixture("doubles-zstd.parquet") })).rejects.toEqual(
      userError('row 1 and row 4 have the same id, "0"', "fields: {id: url}"),
    );
  });

  it.each([0.02, 0.3, 0.6, 0.97])("that is cut off after a share of %d is refused", async (share) => {
    const whole = readFileSync(fixture("doubles-zstd.parquet"));
    const cut = whole.subarray(0, Math.floor(whole.length * share));
    await expect(read(".parquet", cut)).rejects.toEqual(userError("cannot be read as a parquet file"));
  });

  it("with damaged pages is refused", async () => {
    const damaged = readFileSync(fixture("doubles-zstd.parquet")).fill(0xff, 4, 600);
    await expect(read(".parquet", damaged)).rejects.toEqual(userError("cannot be read as a parquet file"));
  });
});

describe("a file", () => {
  it.each([
    ["data.txt", "x", "the ending .txt; expected .jsonl, .csv or .parquet", "ending"],
    ["data", "x", "has no ending", "ending"],
    ["data.json", "[]", "the ending .json", "jq -c"],
    ["data.jsonl.gz", gzipSync("{}"), "the ending .gz", "Unpack"],
    ["gzip/data.jsonl", gzipSync("{}"), "it is compressed with gzip", "gunzip"],
    ["empty/data.jsonl", "", "is empty", "again"],
    ["blank/data.jsonl", "\n\n", "holds no rows", "again"],
    ["html/data.jsonl", "<!DOCTYPE html><title>Sign in</title>", "it is a web page", "download it again"],
    ["html/data.parquet", "\n<html>", "it is a web page", ""],
    [
      "lfs/data.parquet",
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
      "Git LFS pointer",
      "git lfs pull",
    ],
    ["utf16/data.csv", Buffer.from("\uFEFFid,problem", "utf16le"), "UTF-16", "UTF-8"],
    ["parquet/data.csv", readFileSync(fixture("doubles-zstd.parquet")), "it is a parquet file", ".parquet"],
    ["text/data.parquet", "id,problem,answer", "cannot be read as a parquet file", "damaged"],
  ])("%s is refused for what it is", async (name, content, message, hint) => {
    const path = folder.write(`files/${name}`, content);
    await expect(readProblems({ set: "own", path })).rejects.toEqual(userError(message, hint));
  });

  it("that is missing is refused", async () => {
    const path = join(folder.path, "nowhere.jsonl");
    await expect(readProblems({ set: "own", path })).rejects.toEqual(userError(`No file is at ${path}`));
  });

  it("that is a directory is refused", async () => {
    await expect(readProblems({ set: "own", path: folder.path })).rejects.toEqual(userError("is a directory"));
  });
});

describe.skipIf(!hasDataFolder)("the competitions' files", () => {
  it.each([
    ["aimo1-train", { first: "own/229ee8", gold: "52" }],
    ["aimo2-reference", { first: "own/057f8a", gold: "79" }],
    ["aimo3-reference", { first: "own/0e644e", gold: "336" }],
  ])("%s has ten problems", async (name, { first, gold }) => {
    const { problems, rows } = await readProblems({ set: "own", path: join(dataFolder, `competition/${name}.csv`) });
    expect(rows).toBe(10);
    expect(problems[0]).toMatchObject({ problemId: first, gold });
    expect(problems.every((problem) => /^\d+$/u.test(problem.gold))).toBe(true);
  });

  it("keep line ends within a statement", async () => {
    const path = join(dataFolder, "competition/aimo3-reference.csv");
    const { problems } = await readProblems({ set: "own", path });
    expect(problems[1]?.statement).toContain("by\n\\begin{equation*}\n");
  });

  it("without answers are refused", async () => {
    const path = join(dataFolder, "competition/aimo1-test.csv");
    await expect(readProblems({ set: "own", path })).rejects.toEqual(
      userError('line 2: the field "answer" (gold) is missing; the row has row_id, id, problem'),
    );
  });
});
