import { countTokens } from "../../pipeline/adapters/replay-engine/tokenizer.ts";
import { dataRows } from "../../tests/helpers/data-folder.ts";

/** How long a candidate's turns are. Behind each but the last stands a program's output. */
export interface TraceLengths {
  turns: readonly { tokens: number; outputTokens: number }[];
}

/** A problem as an emulated engine sees it. */
export interface ProblemLengths {
  promptTokens: number;
  traces: readonly TraceLengths[];
}

/**
 * Problems of `width` candidates each, with the lengths of what a 7B model really wrote: 2,053 recorded samples of five
 * problems of the first AIMO Progress Prize, each used once. None where the folder of recordings is absent.
 */
export function recordedProblems(width: number, depth: number): ProblemLengths[] {
  const rows = dataRows<{ problem_id: string; prompt: string; text: string }>("recordings/aimo1-dsmath7b-tir.jsonl");
  const pools = Map.groupBy(rows, ({ problem_id }) => problem_id);
  return [...pools.values()].flatMap((samples) => {
    const promptTokens = countTokens(samples[0]?.prompt ?? "");
    const traces = samples.map(({ text }) => lengthsOf(text, depth));
    return Array.from({ length: Math.floor(traces.length / width) }, (_, index) => ({
      promptTokens,
      traces: traces.slice(index * width, (index + 1) * width),
    }));
  });
}

/** A trace is cut at its outputs: each stands between a fence that opens it and the next one. */
function lengthsOf(text: string, depth: number): TraceLengths {
  const [first = "", ...others] = text.split("```output\n");
  const turns = [{ tokens: countTokens(first) + 1, outputTokens: 0 }];
  for (const part of others.slice(0, depth - 1)) {
    const fence = part.indexOf("```");
    const end = fence < 0 ? part.length : fence + 3;
    const before = turns.at(-1);
    if (before) before.outputTokens = countTokens(part.slice(0, end));
    turns.push({ tokens: countTokens(part.slice(end)) + 1, outputTokens: 0 });
  }
  return { turns };
}
