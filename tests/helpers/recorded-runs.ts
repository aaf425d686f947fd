import { dataRows } from "./data-folder.ts";

/** Recorded verdicts, as numbers: 1 where right. */

/** By model, by problem: 43 models on the 721 level-5 problems of MATH, one candidate each; two models lack some. */
export function levelFiveVerdicts(): Map<string, Map<string, number>> {
  interface Row {
    model: string;
    math_id: string;
    correct: boolean;
  }
  const byModel = new Map<string, Map<string, number>>();
  for (const { model, math_id, correct } of dataRows<Row>("recordings/zeroeval-math-l5-answers.jsonl")) {
    const verdicts = byModel.get(model) ?? new Map<string, number>();
    byModel.set(model, verdicts.set(math_id, Number(correct)));
  }
  return byModel;
}

/** What two models made of each problem that both have. */
export function pairedVerdicts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): [number, number][] {
  return [...a].flatMap(([problem, ofA]): [number, number][] => {
    const ofB = b.get(problem);
    return ofB === undefined ? [] : [[ofA, ofB]];
  });
}

/** Each pair of models, the first before the second. */
export function pairsOf<Item>(items: readonly Item[]): [Item, Item][] {
  return items.flatMap((a, at) => items.slice(at + 1).map((b): [Item, Item] => [a, b]));
}

/** By problem, the answers of eight candidates; a right one is "1", whatever it is. */
export function eightCandidates(recording: "tiny-tir-test200x8" | "qwen25math-cot-math100x8"): string[][] {
  interface Row {
    id: string | number;
    sample: number;
    predicted: string | null;
    correct: boolean;
  }
  const rows = dataRows<Row>(`recordings/${recording}.jsonl`);
  return [...Map.groupBy(rows, ({ id }) => id).values()].map((ofProblem) =>
    ofProblem
      .toSorted((a, b) => a.sample - b.sample)
      .map(({ predicted, correct }) => {
        return correct ? "1" : `wrong ${predicted}`;
      }),
  );
}
