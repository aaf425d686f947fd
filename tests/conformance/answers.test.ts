import { describe, expect, it } from "vitest";
import { ballotOf } from "../../pipeline/core/answer-policy.ts";
import { extractBoxedAnswer } from "../../pipeline/core/boxed-answer.ts";
import { normalizeNotebookAnswer } from "../../pipeline/core/notebook-answer.ts";
import { dataRows, hasDataFolder } from "../helpers/data-folder.ts";

interface Case {
  function: string;
  input: never;
  output: never;
}
const cases = dataRows<Case>("conformance/answers.jsonl");
const of = (name: string) => cases.filter((row) => row.function === name);

describe.skipIf(!hasDataFolder)("the notebook's answer functions, case by case", () => {
  it("normalizes answers", () => {
    expect(of("normalizeAnswer")).toHaveLength(600);
    for (const { input, output } of of("normalizeAnswer")) expect(normalizeNotebookAnswer(input), input).toBe(output);
  });

  it("extracts boxed answers", () => {
    expect(of("extractBoxedAnswer")).toHaveLength(150);
    for (const { input, output } of of("extractBoxedAnswer")) expect(extractBoxedAnswer(input), input).toBe(output);
  });

  it("filters answers", () => {
    expect(of("filterAnswersAndVote")).toHaveLength(150);
    for (const { input, output } of of("filterAnswersAndVote")) {
      const ballots = (input as string[]).map((text) => ballotOf(text, { policy: "modulo", modulus: 1000 }));
      const filtered = ballots.filter((ballot) => ballot !== null).map(Number);
      expect(filtered, JSON.stringify(input)).toEqual((output as { filtered: number[] }).filtered);
    }
  });
});
