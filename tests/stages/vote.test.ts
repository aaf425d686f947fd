import { describe, expect, it } from "vitest";
import { candidatesFile, selectedFile, votesFile } from "../../pipeline/artifacts/artifact-file.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { MemoryStore } from "../helpers/memory-store.ts";
import { candidate, candidates, problem } from "../helpers/run-rows.ts";

const options = { rule: "majority", ties: "first-seen", fallback: null } as const;

describe("the vote stage", () => {
  it("writes a row per selected problem and replicate, sorted, also where there is no candidate", async () => {
    const store = new MemoryStore()
      .with(selectedFile, [problem("s/b", "1"), problem("s/a", "2"), problem("s/c", "3")])
      .with(candidatesFile, [
        ...candidates("s/b", ["1", "7", "1"], 1),
        ...candidates("s/b", [undefined, "5"]),
        ...candidates("s/a", ["2"]),
      ]);
    expect(await runVote(store, { ...options, fallback: "0" })).toEqual({ votes: 6 });
    const votes = store.read(votesFile);
    expect(votes.map((vote) => [vote.problemId, vote.replicate, vote.answer, vote.candidates])).toEqual([
      ["s/a", 0, "2", 1],
      ["s/a", 1, "0", 0],
      ["s/b", 0, "5", 2],
      ["s/b", 1, "1", 3],
      ["s/c", 0, "0", 0],
      ["s/c", 1, "0", 0],
    ]);
    expect(votes[3]).toEqual({
      ...{ problemId: "s/b", replicate: 1, answer: "1", candidates: 3 },
      tally: [
        { answer: "1", count: 2 },
        { answer: "7", count: 1 },
      ],
      rule: "majority, ties: first-seen, fallback: 0",
    });
  });

  it("elects the same whatever order the rows stand in", async () => {
    const rows = candidates("s/a", ["4", "9", undefined, "9", "4", "1"]);
    const elect = async (inOrder: typeof rows) => {
      const store = new MemoryStore().with(selectedFile, [problem("s/a", "9")]).with(candidatesFile, inOrder);
      await runVote(store, options);
      return store.read(votesFile);
    };
    expect(await elect(rows.toReversed())).toEqual(await elect(rows));
  });

  it.each([
    ["a candidate that stands there twice", [candidate("s/a", 0, "1"), candidate("s/a", 0, "2")], "two rows for s/a"],
    ["a candidate of another problem", [candidate("s/x", 0, "1")], "s/x, which is not in selected.jsonl"],
  ])("refuses %s", async (_, rows, message) => {
    const store = new MemoryStore().with(selectedFile, [problem("s/a", "1")]).with(candidatesFile, rows);
    await expect(runVote(store, options)).rejects.toThrow(message);
  });

  it("refuses a run without problems", async () => {
    const store = new MemoryStore().with(selectedFile, []).with(candidatesFile, []);
    await expect(runVote(store, options)).rejects.toThrow("selected.jsonl holds no problem");
  });
});

describe("rules by score", () => {
  const rows = (scores: (number | undefined)[]) =>
    scores.map((score, number) =>
      candidate("set/a", number, String(number), score === undefined ? {} : { meta: { score } }),
    );
  const options = { rule: "weighted", ties: "first-seen", fallback: null } as const;
  const storeWith = (scores: (number | undefined)[]) =>
    new MemoryStore().with(selectedFile, [problem("set/a", "1")]).with(candidatesFile, rows(scores));

  it("write what each answer weighs into the tally", async () => {
    const store = storeWith([0.5, 2]);
    await runVote(store, options);
    expect(store.read(votesFile)).toMatchObject([
      {
        answer: "1",
        tally: [
          { answer: "1", count: 1, score: 2 },
          { answer: "0", count: 1, score: 0.5 },
        ],
        rule: "weighted by meta.score, ties: first-seen",
      },
    ]);
  });

  it("refuse a candidate without a score, by name, and a weight below 0", async () => {
    await expect(runVote(storeWith([1, undefined]), options)).rejects.toThrow(
      /no number at meta.score for set\/a, replicate 0, candidate 1/u,
    );
    await expect(runVote(storeWith([1, -2]), options)).rejects.toThrow(/weighs -2/u);
    await expect(runVote(storeWith([1, -2]), { ...options, weight: "exp" })).resolves.toEqual({ votes: 1 });
    await expect(runVote(storeWith([1, -2]), { ...options, rule: "best-of-n" })).resolves.toEqual({ votes: 1 });
  });

  it("refuse to drop errors where nobody has run a program", async () => {
    await expect(runVote(storeWith([1]), { ...options, rule: "drop-errors" })).rejects.toThrow(/has run a program/u);
  });
});
