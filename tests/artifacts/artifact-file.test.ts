import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type ArtifactFile, candidatesFile, turnsFile } from "../../pipeline/artifacts/artifact-file.ts";
import { candidateSchema } from "../../pipeline/artifacts/candidate.ts";
import { problemSchema, rejectedProblemSchema, selectedProblemSchema } from "../../pipeline/artifacts/problem.ts";
import { turnSchema } from "../../pipeline/artifacts/turn.ts";
import { verdictSchema } from "../../pipeline/artifacts/verdict.ts";
import { voteSchema } from "../../pipeline/artifacts/vote.ts";
import { candidate, execution, turn } from "../helpers/run-rows.ts";

describe("the schemas of an artifact's rows", () => {
  it.each(
    Object.entries({
      problemSchema,
      selectedProblemSchema,
      rejectedProblemSchema,
      turnSchema,
      candidateSchema,
      voteSchema,
      verdictSchema,
    }),
  )("can be compiled: %s", (_, schema) => {
    // What cannot be is checked all the same, but a large run is read in twice the time.
    expect(() => z.compile(schema as z.ZodType, { strict: true })).not.toThrow();
  });

  const row = { ...turn("s/a", 0, "text", { finish: "code", execution: execution("ok") }), meta: { note: 1 } };
  it.each<[string, ArtifactFile<unknown>, z.ZodType, object]>([
    ["a turn", turnsFile, turnSchema, row],
    ["a turn of no text", turnsFile, turnSchema, { ...row, text: undefined }],
    ["a turn with a wrong execution", turnsFile, turnSchema, { ...row, execution: { ...row.execution, output: 1 } }],
    ["a turn with an unknown field", turnsFile, turnSchema, { ...row, txet: "" }],
    ["a candidate", candidatesFile, candidateSchema, candidate("s/a", 0, "1")],
    ["a candidate with an answer that is none", candidatesFile, candidateSchema, candidate("s/a", 0, "01")],
    ["a candidate below zero", candidatesFile, candidateSchema, candidate("s/a", -1, "1")],
  ])("say the same of it when they are compiled: %s", (_, file, schema, value) => {
    const [compiled, plain] = [file.schema.safeParse(value), schema.safeParse(value)];
    expect(compiled.success).toBe(plain.success);
    expect(JSON.stringify(compiled.data)).toBe(JSON.stringify(plain.data)); // with the fields in the same order
    expect(compiled.error?.issues).toEqual(plain.error?.issues);
  });
});
