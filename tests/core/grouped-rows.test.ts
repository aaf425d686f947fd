import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GroupedRows } from "../../pipeline/core/grouped-rows.ts";
import { NumberColumn } from "../../pipeline/core/number-column.ts";

describe("a column of numbers", () => {
  it("has what was set, and 0 elsewhere", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40_000), fc.double({ noNaN: true }))), (changes) => {
        const column = new NumberColumn(Float64Array);
        const numbers: number[] = [];
        for (const [index, value] of changes) {
          column.set(index, value);
          numbers[index] = value;
        }
        expect(Array.from(numbers, (_, index) => column.at(index))).toEqual(Array.from(numbers, (value) => value ?? 0));
        expect(column.length).toBe(numbers.length);
      }),
      { numRuns: 20 },
    );
  });

  it("keeps whole numbers within the width of its kind, as sums of digests wrap around", () => {
    const column = new NumberColumn(Uint32Array);
    column.add(0, 2 ** 32 - 1);
    column.add(0, 3);
    expect(column.at(0)).toBe(2);
  });
});

/** Two problems of two replicates. */
const keyOf = (name: string) => ({
  problemId: "ab".includes(name) ? "s/1" : "s/2",
  replicate: "ac".includes(name) ? 0 : 1,
});

describe("grouped rows", () => {
  it("gives each group its rows in order, however the groups are mixed", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "d")), (groups) => {
        const rows = new GroupedRows();
        for (const group of groups) rows.add(keyOf(group));
        for (const name of ["a", "b", "c", "d"]) {
          expect([...rows.rowsOf(keyOf(name))]).toEqual(groups.flatMap((group, row) => (group === name ? [row] : [])));
        }
      }),
    );
  });

  it("takes rows after it was asked", () => {
    const rows = new GroupedRows();
    rows.add(keyOf("a"));
    expect([...rows.rowsOf(keyOf("a"))]).toEqual([0]);
    rows.add(keyOf("b"));
    rows.add(keyOf("a"));
    expect([...rows.rowsOf(keyOf("a"))]).toEqual([0, 2]);
  });
});
