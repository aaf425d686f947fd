import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BenchmarkResult, Row } from "../../benchmarks/benchmark.ts";
import { aimLines, tableOf, withTable } from "../../benchmarks/result-table.ts";

const row: Row = {
  ...{ task: "a task", way: "ours", runs: 10, perSecond: 123.456, median: 1.23456, p99: 20 },
  spread: { lowest: 1, highest: 2 },
};
const other: Row = { ...row, way: "another way", ratio: { median: 50.04, lowest: 49, highest: 120 } };

describe("tableOf", () => {
  it("has a line for each row, in columns of one width", () => {
    const lines = tableOf({ rows: [row, other] }).split("\n");
    expect(lines).toHaveLength(4);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
    expect(lines[2]).toMatch(/^\| a task \| ours +\| +10 \| +123 \| +1\.23 \| +20\.0 \| +1\.00 – 2\.00 \| +\|$/u);
    expect(lines[3]).toContain("50.0× (49.0 – 120)");
  });
});

describe("tableOf quoted figures", () => {
  it("says of each that it was not measured", () => {
    const quoted = [{ task: "a task", way: "theirs", perSecond: 940 }];
    expect(
      tableOf({ rows: [row], quoted })
        .split("\n")
        .at(-1),
    ).toMatch(/^\| a task \| theirs \| quoted \| +940 \| +\| +\| +\| +\|$/u);
  });
});

describe("tableOf figures that are no times", () => {
  it("has a column for each name, with numbers of three digits", () => {
    const figures = [
      { votes: "a set", rule: "certain", problems: 2000, "saved %": 12.345 },
      { votes: "another", rule: "certain", problems: 8, "saved %": "" },
    ];
    expect(tableOf({ rows: [], figures }).split("\n")).toEqual([
      "| votes   | rule    | problems | saved % |",
      "| ------- | ------- | -------: | ------: |",
      "| a set   | certain |     2000 |    12.3 |",
      "| another | certain |        8 |         |",
    ]);
  });
});

describe("aimLines", () => {
  it("says of each aim whether it was reached", () => {
    const aims = [
      { aim: "fast", measured: "60 times", reached: true },
      { aim: "steady", measured: "4 times", reached: false },
    ];
    expect(aimLines({ aims })).toEqual(["reached  fast: 60 times", "MISSED   steady: 4 times"]);
  });
});

describe("withTable", () => {
  it("replaces the table between a benchmark's marks, whatever stood there", () => {
    const page = "before\n<!-- a -->\n<!-- end of a -->\nafter";
    const once = withTable(page, "a", "| table |");
    expect(once).toBe("before\n<!-- a -->\n| table |\n<!-- end of a -->\nafter");
    expect(withTable(once, "a", "| new |")).toBe("before\n<!-- a -->\n| new |\n<!-- end of a -->\nafter");
  });

  it("refuses a page without the marks", () => {
    expect(() => withTable("page", "a", "| table |")).toThrow("no place for a table of a");
  });
});

const file = new URL("../../benchmarks/results.json", import.meta.url);
describe.skipIf(!existsSync(file))("docs/benchmarks.md", () => {
  it("has the tables of results.json", () => {
    const page = readFileSync(new URL("../../docs/benchmarks.md", import.meta.url), "utf8");
    const results: Record<string, BenchmarkResult> = JSON.parse(readFileSync(file, "utf8"));
    for (const [name, result] of Object.entries(results)) {
      expect(withTable(page, name, tableOf(result))).toBe(page);
    }
  });
});
