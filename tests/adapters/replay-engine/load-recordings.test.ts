import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRecordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import { runConfigSchema } from "../../../pipeline/artifacts/run-config.ts";
import { failure, folderWith, jsonLines } from "./replay-fixture.ts";

async function load(text: string, source: Partial<Parameters<typeof loadRecordings>[0][number]> = {}) {
  const folder = await folderWith({ "recorded.jsonl": text });
  const notes: string[] = [];
  const recordings = await loadRecordings([{ file: join(folder, "recorded.jsonl"), ...source }], (note) =>
    notes.push(note),
  );
  const texts = Object.fromEntries(
    recordings.problems.map(({ statement, traces }) => [
      statement,
      traces.map((trace) => (trace.kind === "whole" ? trace.text : "?")),
    ]),
  );
  return { recordings, texts, notes };
}

describe("recordings of whole traces", () => {
  it("are grouped by statement and ordered by sample", async () => {
    const { recordings, texts } = await load(
      jsonLines([
        { problem: "A?", sample: 1, text: "a1" },
        { problem: " B?\n", text: "b0", finish: "length", model: "extra fields are fine" },
        { problem: "A?", sample: 0, text: "a0", finish: null },
        { problem: "B?", text: "b1", sample: null },
        { problem: "A?", sample: "10", text: "a10" },
      ]),
    );
    expect(texts).toEqual({ "A?": ["a0", "a1", "a10"], "B?": ["b0", "b1"] });
    expect(recordings.traces).toBe(5);
    expect(recordings.problems[1]?.traces[0]).toMatchObject({ finish: "length" });
    expect(recordings.problems[0]?.traces[0]).toMatchObject({ finish: "stop" });
  });

  it("are read under other field names", async () => {
    const fields = { problem: "question", sample: "try", text: "output", finish: "why" };
    const rows = [
      { question: "A?", try: 1, output: "a1", why: "stop" },
      { question: "A?", try: 0, output: "a0", why: "length" },
    ];
    expect((await load(jsonLines(rows), { fields })).texts).toEqual({ "A?": ["a0", "a1"] });
  });

  it("are chosen by fields that equal a text", async () => {
    const rows = [
      { problem: "A?", text: "one", model: "70b", correct: true },
      { problem: "A?", text: "two", model: "34b", correct: true },
      { problem: "A?", text: "three", model: "70b", correct: false },
    ];
    expect((await load(jsonLines(rows), { where: { model: "70b", correct: "true" } })).texts).toEqual({
      "A?": ["one"],
    });
  });

  it("begin after the text to skip to, and say how many lack it", async () => {
    const rows = [
      { problem: "A?", text: "A?\n\nSolution:\nfirst Solution:\nsecond" },
      { problem: "B?", text: "no such thing" },
    ];
    const { texts, notes } = await load(jsonLines(rows), { skipTo: "Solution:\n" });
    expect(texts).toEqual({ "A?": ["first Solution:\nsecond"], "B?": ["no such thing"] });
    expect(notes).toEqual([expect.stringContaining("1 of 2 traces have no")]);
  });

  it("of several files follow each other", async () => {
    const folder = await folderWith({
      "a.jsonl": jsonLines([{ problem: "A?", sample: 3, text: "3" }]),
      "b.jsonl": jsonLines([{ problem: "A?", sample: 0, text: "0" }]),
    });
    const { problems } = await loadRecordings([{ file: join(folder, "a.jsonl") }, { file: join(folder, "b.jsonl") }]);
    expect(problems.map((problem) => problem.traces)).toMatchObject([[{ text: "3" }, { text: "0" }]]);
  });

  it("may hold line separators, carriage returns and a byte order mark", async () => {
    const text = `\uFEFF${JSON.stringify({ problem: "A?", text: "one\u2028two\u2029three" })}\r\n\r\n`;
    expect((await load(text)).texts).toEqual({ "A?": ["one\u2028two\u2029three"] });
  });

  it.each([
    ["no JSON", '{"problem": "A?", "text": "a"}\n{"problem": "A', "line 2: expected a JSON object"],
    ["no object", "[]\n", "line 1: expected a JSON object"],
    ["no statement", jsonLines([{ text: "a" }]), "line 1: field problem:"],
    ["a blank statement", jsonLines([{ problem: " \n", text: "a" }]), "line 1: field problem:"],
    ["no text", `\n${jsonLines([{ problem: "A?" }])}`, "line 2: field text:"],
    ["a sample that is no number", jsonLines([{ problem: "A?", text: "a", sample: "x" }]), "line 1: field sample:"],
    ["an unknown finish", jsonLines([{ problem: "A?", text: "a", finish: "eos" }]), "line 1: field finish:"],
  ])("with %s are refused, with file, line and field", async (_, text, message) => {
    const error = await failure(load(text));
    expect(error.message).toContain(`recorded.jsonl, ${message}`);
    expect(error.hint).toBeDefined();
  });

  it("are refused under the field name of the file", async () => {
    const error = await failure(load(jsonLines([{ problem: "A?", text: "a" }]), { fields: { text: "output" } }));
    expect(error.message).toContain("field output:");
  });

  it("that leave nothing say what there would be", async () => {
    const rows = [
      { problem: "A?", text: "a", model: "70b" },
      { problem: "A?", text: "a", model: "34b" },
    ];
    const error = await failure(load(jsonLines(rows), { where: { model: "7b" } }));
    expect(error.message).toContain("model = 7b");
    expect(error.hint).toContain("70b, 34b");
    expect((await failure(load(jsonLines(rows), { where: { size: "7" } }))).hint).toContain("no line has a field size");
    expect((await failure(load(""))).message).toContain("holds no recording");
    expect((await failure(loadRecordings([{ file: "nowhere.jsonl" }]))).message).toContain("nowhere.jsonl");
  });

  it("are described by the config", () => {
    const engine = (recordings: unknown[]) =>
      runConfigSchema.shape.engine.safeParse({ kind: "replay", recordings }).data ?? undefined;
    expect(engine(["a.jsonl", { file: "b.jsonl", where: { model: "x" }, skipTo: "Solution:\n" }])).toMatchObject({
      recordings: [{ file: "a.jsonl" }, { file: "b.jsonl", where: { model: "x" }, skipTo: "Solution:\n" }],
    });
    expect(engine([{ file: "b.jsonl", skip: "x" }])).toBeUndefined();
  });
});
