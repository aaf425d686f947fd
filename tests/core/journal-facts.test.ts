import { describe, expect, it } from "vitest";
import { JournalFacts } from "../../pipeline/core/journal-facts.ts";
import { execution, turn } from "../helpers/run-rows.ts";

const key = { problemId: "s/a", replicate: 0, candidate: 0 };

/** The facts of one candidate whose turns have these texts, added in this order. */
function factsOf(texts: readonly string[], order: readonly number[] = [...texts.keys()]): JournalFacts {
  const facts = new JournalFacts();
  for (const index of order) facts.add(turn("s/a", 0, texts[index] ?? "", { turn: index }));
  return facts;
}

describe("the fingerprint of a candidate's texts", () => {
  const fingerprint = (...texts: string[]) => factsOf(texts).fingerprint(key);

  it("is the same whatever order its turns come in", () => {
    const texts = ["first", "second", "third", "fourth"];
    const expected = factsOf(texts).fingerprint(key);
    for (const order of [
      [3, 2, 1, 0],
      [1, 3, 0, 2],
    ]) {
      expect(factsOf(texts, order).fingerprint(key)).toBe(expected);
    }
  });

  it("is another one for other texts, another order of the same, and the same cut into other turns", () => {
    const all = [
      fingerprint("one", "two"),
      fingerprint("two", "one"),
      fingerprint("onetwo"),
      fingerprint("onetwo", ""),
      fingerprint("", "onetwo"),
      fingerprint("one", "two", ""),
      fingerprint("one"),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it("is there from the first turn on", () => {
    expect(factsOf([]).fingerprint(key)).toBeUndefined();
    expect(factsOf([""]).fingerprint(key)).toBeDefined();
  });
});

describe("the facts of a journal", () => {
  it("tell a turn that they have already, also among very many", () => {
    const facts = new JournalFacts();
    const add = (number: number) => facts.add(turn("s/a", 0, "x", { turn: number }));
    for (const number of [0, 1, 30, 31, 32, 33, 63, 64, 9999]) {
      expect(add(number), `turn ${number}`).toBe(true);
      expect(add(number), `turn ${number} again`).toBe(false);
    }
    expect(facts.totals([key]).truncatedTurns).toBe(0);
  });

  it("have the last turn's end and the last execution, whatever order the rows come in", () => {
    const rows = [
      turn("s/a", 0, "a", { turn: 0, finish: "code", execution: execution("ok") }),
      turn("s/a", 0, "b", { turn: 1, finish: "code", execution: execution("timeout") }),
      turn("s/a", 0, "c", { turn: 2, finish: "length" }),
    ];
    for (const order of [rows, rows.toReversed()]) {
      const facts = new JournalFacts();
      for (const row of order) facts.add(row);
      expect(facts.ending(key)).toEqual({ finish: "length", execution: "timeout" });
      expect(facts.totals([key, { ...key, candidate: 1 }])).toMatchObject({
        executions: { ok: 1, timeout: 1, crashed: 0 },
        truncatedTurns: 1,
      });
    }
    expect(new JournalFacts().ending(key)).toBeUndefined();
  });
});
