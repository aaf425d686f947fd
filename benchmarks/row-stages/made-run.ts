import { createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { SelectedProblem } from "../../pipeline/artifacts/problem.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { randomStream, seedOf } from "../../pipeline/core/seed.ts";

export const width = 40;
export const depth = 4;
export const inFlight = 512;
const charactersPerTurn = 2300; // about 2.5 KB as a row of turns.jsonl

const phrases = [
  "We have $x^2 + y^2 = 53$ and $x + y = 9$, so ",
  "let $\\alpha$ and $\\beta$ be the roots of $t^2 - 9t + 14 = 0$.\n",
  "By Vieta's formulas, $\\frac{\\alpha + \\beta}{2} = \\frac{9}{2}$, hence ",
  "the sum is divisible by 7 exactly when ",
  "it follows that $\\binom{n}{k} \\equiv 0 \\pmod p$ for $0 < k < p$.\n\n",
  "Check the small cases first: n = 1, 2, 3 give 2, 6, 14. ",
  'Since "nearly all" of them are even, we count the odd ones. ',
  "Therefore $\\sum_{i=1}^{n} a_i \\le \\sqrt{n \\sum a_i^2}$, with equality iff all are equal.\n",
];

/** Reasoning of a turn's length, another one for each seed. */
export function reasoning(seed: number, characters = charactersPerTurn): string {
  let text = "";
  for (let index = 0; text.length < characters; index += 1) {
    text += `${phrases[(seed + index * (1 + (seed % 7))) % phrases.length]}${(seed * (index + 3)) % 9973}. `;
  }
  return text;
}

const block = (seed: number) => `\nfor n in range(1, ${seed % 1000}):\n    if n % 7 == 0:\n        print(n, n**2)\n`;

/** What a model writes in a turn: reasoning and a program, in the last turn an answer. */
export function messageOf(seed: number, turn: number): { text: string; code?: string; answer?: string } {
  if (turn < depth - 1) {
    const code = block(seed);
    return { text: `${reasoning(seed)}\`\`\`python${code}\`\`\`\n\`\`\`output\n`, code };
  }
  const answer = String(seed % 3 === 0 ? seed % 20 : 42);
  return { text: `${reasoning(seed)}So the answer is $\\boxed{${answer}}$.`, answer };
}

export function problemOf(index: number): SelectedProblem {
  const number = String(index).padStart(6, "0");
  const statement = `Problem ${index}: how many positive integers below 1000 are multiples of 7 or of 11, but not of both?`;
  return { problemId: `made/${number}`, set: "made", statement, gold: "42", answer: "42", flags: [] };
}

/** A run of so many candidates, as `generate` leaves it: the journal in the order in which 512 at a time would have written it. */
export async function makeRun(directory: string, candidates: number): Promise<void> {
  const problems = Array.from({ length: candidates / width }, (_, index) => problemOf(index));
  await write(
    join(directory, "problems.jsonl"),
    problems.map(({ answer: _, flags: __, ...rest }) => rest),
  );
  await write(join(directory, "selected.jsonl"), problems);
  await write(join(directory, "candidates.jsonl"), candidateRows(candidates));
  await write(join(directory, "turns.jsonl"), turnRows(candidates));
}

const keyOf = (index: number) => ({
  problemId: problemOf(Math.floor(index / width)).problemId,
  replicate: 0,
  candidate: index % width,
});
const seedAt = (index: number, turn: number) => seedOf(42, { ...keyOf(index), turn }) % 1_000_003;

function* candidateRows(candidates: number): Generator<Candidate> {
  for (let index = 0; index < candidates; index += 1) {
    const { answer = "" } = messageOf(seedAt(index, depth - 1), depth - 1);
    yield {
      ...keyOf(index),
      ...{ outcome: "answered", rawAnswer: answer, answer, turns: depth },
      ...{ tokens: { prompt: 9000, completion: 3000 }, milliseconds: 40_000, meta: { lastExecution: "ok" } },
    };
  }
}

function* turnRows(candidates: number): Generator<Turn> {
  const random = randomStream(1);
  const open: { index: number; turn: number }[] = [];
  let next = 0;
  for (let written = 0; written < candidates * depth; written += 1) {
    while (open.length < inFlight && next < candidates) open.push({ index: next++, turn: 0 });
    const place = Math.floor(random() * open.length);
    const [at] = open.slice(place);
    if (at === undefined) return;
    yield turnRow(at.index, at.turn, Math.floor(written * 20));
    at.turn += 1;
    if (at.turn === depth) open.splice(place, 1);
  }
}

function turnRow(index: number, turn: number, endedAt: number): Turn {
  const key = keyOf(index);
  const seed = seedAt(index, turn);
  const { text, code } = messageOf(seed, turn);
  const milliseconds = Math.min(endedAt, 10_000 + (seed % 977));
  return {
    ...{ ...key, turn, requestId: `${key.problemId}:0:${key.candidate}:${turn}:0`, seed, text },
    ...(code === undefined
      ? { finish: "stop" }
      : {
          ...{ finish: "code", stopString: "```output\n", code },
          execution: {
            ...{ outcome: "ok", output: "7 49\n14 196\n21 441", outputBytes: 19 },
            ...{ milliseconds: 3.2018140009313356, cpuMilliseconds: 3.062, peakMemoryMiB: 0.51171875 },
          },
        }),
    ...{ tokens: { prompt: 700 * (turn + 1), completion: 750 }, startedAt: endedAt - milliseconds },
    ...{ firstTokenMilliseconds: 120, milliseconds, endpoint: "http://127.0.0.1:8000/v1" },
    ...(code === undefined ? {} : { meta: { queuedMilliseconds: 15 } }),
  };
}

/** Writes rows faster than a store would: they are right. */
async function write(path: string, rows: Iterable<object>): Promise<void> {
  const file = createWriteStream(path);
  let buffered = "";
  for (const row of rows) {
    buffered += `${JSON.stringify(row)}\n`;
    if (buffered.length < 1 << 20) continue;
    await put(file, buffered);
    buffered = "";
  }
  await put(file, buffered);
  await new Promise((resolve) => file.end(resolve));
}

function put(file: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => file.write(text, (error) => (error ? reject(error) : resolve())));
}
