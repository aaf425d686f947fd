import { readFileSync } from "node:fs";
import { countTokens } from "../pipeline/adapters/replay-engine/tokenizer.ts";
import { outputBlockEnds } from "../pipeline/adapters/replay-engine/trace-position.ts";
import { ballotOf } from "../pipeline/core/answer-policy.ts";
import { randomStream, shuffled } from "../pipeline/core/seed.ts";
import type { Voter } from "../pipeline/core/vote.ts";

/** A candidate of a recorded run: its ballot, and how many tokens the model wrote for it. */
export interface RecordedCandidate extends Voter {
  tokens: number;
}

/** Problems of one recorded model, each with all its candidates. */
export interface RecordedSet {
  name: string;
  problems: RecordedCandidate[][];
}

/**
 * The recordings that have several candidates per problem, from the folder of real data. Answers are compared as they were
 * recorded, those of the AIMO runs modulo 1000. Tokens are counted by the replay engine's tokenizer, outputs of programs left out.
 */
export function recordedSets(dataFolder: string): RecordedSet[] {
  const rows = <Row>(name: string) => readRows<Row & { text: string }>(`${dataFolder}/recordings/${name}.jsonl`);
  interface Sample {
    id: string | number;
    sample: number;
    predicted: string | null;
  }
  const samples = (name: string) =>
    grouped(
      rows<Sample>(name),
      ({ id }) => `${id}`,
      ({ predicted }) => predicted,
    );

  const aimo = rows<{ run: string; problem_id: string; text_answer: number | null; code_answer: number | null }>(
    "aimo1-dsmath7b-tir",
  );
  const aimoAnswer = (row: (typeof aimo)[number]) => {
    const answer = row.code_answer ?? row.text_answer;
    return answer === null ? null : ballotOf(String(answer), { policy: "modulo", modulus: 1000 });
  };
  const pooled = grouped(shuffled(aimo, randomStream(1)), (row) => row.problem_id, aimoAnswer);
  return [
    { name: "tiny model, 8 wide", problems: samples("tiny-tir-test200x8") },
    { name: "Qwen2.5-Math CoT on MATH, 8 wide", problems: samples("qwen25math-cot-math100x8") },
    { name: "five chat models on AIME, 5 wide", problems: samples("aime-2020-2024-runs") },
    {
      name: "DeepSeekMath-7B on AIMO-1, 2 to 16 wide",
      problems: grouped(aimo, (row) => `${row.run} ${row.problem_id}`, aimoAnswer),
    },
    { name: "the same, pooled, 48 wide", problems: pooled.flatMap((candidates) => chunks(candidates, 48)) },
  ];
}

function readRows<Row>(file: string): Row[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

function grouped<Row extends { text: string }>(
  rows: readonly Row[],
  problemOf: (row: Row) => string,
  answerOf: (row: Row) => string | null,
): RecordedCandidate[][] {
  return [...Map.groupBy(rows, problemOf).values()].map((ofProblem) =>
    ofProblem.map((row, candidate): RecordedCandidate => {
      const answer = answerOf(row)?.trim();
      return { candidate, turns: 1, tokens: countTokens(withoutOutputs(row.text)), ...(answer && { answer }) };
    }),
  );
}

/** What the model wrote itself. */
function withoutOutputs(text: string): string {
  const ends = outputBlockEnds(text);
  return [...ends, text.length]
    .map((end, index) => text.slice(ends[index - 1] ?? 0, end).replace(/```output[\s\S]*$/u, ""))
    .join("");
}

function chunks(candidates: readonly RecordedCandidate[], size: number): RecordedCandidate[][] {
  const whole = Math.floor(candidates.length / size);
  return Array.from({ length: whole }, (_, index) =>
    candidates.slice(index * size, (index + 1) * size).map((row, candidate) => ({ ...row, candidate })),
  );
}
