import { describe, expect, it } from "vitest";
import { candidatesFile, selectedFile, turnsFile, verdictsFile } from "../../pipeline/artifacts/artifact-file.ts";
import type { Candidate } from "../../pipeline/artifacts/candidate.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import type { VoteOptions } from "../../pipeline/core/vote.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { dataFile, dataRows, hasDataFolder } from "../helpers/data-folder.ts";
import { MemoryStore } from "../helpers/memory-store.ts";
import { candidate, problem, turn } from "../helpers/run-rows.ts";

/**
 * Figures that others have published, from their recorded answers, through the stages `vote` and `score`. Where a
 * source grades answers that are no integers, its graded answers stand for numbers: equal ones for the same.
 */

interface Recorded {
  problemId: string; // its set in front
  sample?: number;
  answer: string | undefined; // an integer, as is `gold`
  gold: string;
  score?: number;
  text?: string;
}

async function scored(recorded: readonly Recorded[], vote: Partial<VoteOptions> = {}) {
  const golds = new Map(recorded.map(({ problemId, gold }) => [problemId, gold]));
  const rows = recorded.map(({ problemId, sample = 0, answer, score }): Candidate => {
    return candidate(problemId, sample, answer, score === undefined ? {} : { meta: { score } });
  });
  const turns = recorded.flatMap(({ problemId, sample = 0, text }): Turn[] => {
    return text === undefined ? [] : [turn(problemId, sample, text)];
  });
  const store = new MemoryStore()
    .with(
      selectedFile,
      [...golds].map(([problemId, gold]) => problem(problemId, gold)),
    )
    .with(candidatesFile, rows);
  if (turns.length > 0) store.with(turnsFile, turns);
  const rule: VoteOptions = { rule: "majority", ties: "first-seen", fallback: null, ...vote };
  await runVote(store, rule);
  const summary = await runScore(store, {
    ...{ policy: { policy: "integer" }, vote: rule, runId: "test" },
    setting: { slots: 4, depth: 4, afterAnswer: "stop" },
  });
  return { ...summary, verdicts: store.read(verdictsFile) };
}

/** Numbers for texts: the same for the same text. */
class Numbering {
  readonly #numbers = new Map<string, string>();

  of(text: string): string {
    const number = this.#numbers.get(text) ?? String(this.#numbers.size);
    this.#numbers.set(text, number);
    return number;
  }
}

const percent = (share: number | undefined) => 100 * (share ?? Number.NaN);

describe.skipIf(!hasDataFolder)("published figures from recorded answers", () => {
  it("43 models on 721 problems of MATH level 5, by ZeroEval's rule: equal first numbers", async () => {
    interface Row {
      id: number;
      model: string;
      gold: string;
      first_number: string | null;
      correct: boolean;
    }
    const published = dataFile<Record<string, { accuracy: number; total: number }>>(
      "recordings/zeroeval-math-l5-published.json",
    );
    const recorded = dataRows<Row>("recordings/zeroeval-math-l5-answers.jsonl");
    const numbering = new Numbering();
    const numberOf = (text: string) => numbering.of(String(Number(text)));
    const { sets, verdicts } = await scored(
      recorded.map(({ id, model, gold, first_number }) => ({
        problemId: `${model}/${id}`, // each model is a set: they share no more than the rule
        answer: first_number === null ? undefined : numberOf(first_number),
        gold: numberOf(/-?\d+/u.exec(gold)?.[0] ?? ""), // two golds are numerals in base 3, with the base behind
      })),
    );
    const names = Object.keys(published);
    expect(names).toHaveLength(43);
    expect(Object.keys(sets).toSorted()).toEqual(names.toSorted());
    for (const [model, { accuracy, total }] of Object.entries(published)) {
      expect(sets[model]?.problems, model).toBe(total);
      expect(percent(sets[model]?.accuracy.estimate), model).toBeCloseTo(accuracy, 2);
    }
    const graded = new Map(recorded.map(({ id, model, correct }) => [`${model}/${id}`, correct]));
    expect(verdicts.filter(({ problemId, correct }) => graded.get(problemId) !== correct)).toEqual([]);
  });

  const bySubject = [
    ...["Algebra", "Counting & Probability", "Geometry", "Intermediate Algebra", "Number Theory"],
    ...["Prealgebra", "Precalculus"],
  ];
  it.each([
    {
      ...{ name: "GPT-4 ToRA", file: "gpt4-tora-math500", accuracy: 60.8 },
      levels: [74.4, 75.6, 69.5, 53.9, 46.3],
      subjects: [71.8, 68.4, 48.8, 49.5, 66.1, 67.1, 44.6],
    },
    {
      ...{ name: "GPT-4 PAL", file: "gpt4-pal-math500", accuracy: 52.0 },
      levels: [88.4, 65.6, 60.0, 45.3, 31.3],
      subjects: [65.3, 57.9, 31.7, 30.9, 66.1, 73.2, 23.2],
    },
  ])("$name on MATH-500, by level and by subject", async ({ file, accuracy, levels, subjects }) => {
    interface Row {
      id: number;
      level: number;
      subject: string;
      predicted: string;
      correct: boolean;
    }
    const recorded = dataRows<Row>(`recordings/${file}.jsonl`);
    const scoredBy = (set: (row: Row) => string | number) => {
      return scored(
        recorded.map((row) => ({ problemId: `${set(row)}/${row.id}`, answer: row.correct ? "1" : "0", gold: "1" })),
      );
    };
    const byLevel = await scoredBy(({ level }) => level);
    expect(byLevel.all.problems).toBe(500);
    expect(percent(byLevel.all.accuracy.estimate)).toBeCloseTo(accuracy, 9);
    for (const [at, share] of levels.entries()) {
      expect(percent(byLevel.sets[at + 1]?.accuracy.estimate)).toBeCloseTo(share, 1);
    }
    const perSubject = await scoredBy(({ subject }) => subject);
    for (const [at, share] of subjects.entries()) {
      expect(percent(perSubject.sets[bySubject[at] ?? ""]?.accuracy.estimate)).toBeCloseTo(share, 1);
    }
  });

  describe("Qwen2.5-Math on 100 problems of MATH, 8 samples each", () => {
    interface Row {
      id: number;
      sample: number;
      predicted: string;
      correct: boolean;
      rm_score: number;
    }
    const numbering = new Numbering();
    const right = numbering.of("right");
    const recorded = dataRows<Row>("recordings/qwen25math-cot-math100x8.jsonl").map((row): Recorded => {
      const answer = row.correct ? right : numbering.of(`${row.id} ${row.predicted}`);
      return { problemId: `math/${row.id}`, sample: row.sample, answer, gold: right, score: row.rm_score };
    });

    it("mean 91.0, maj@8 93, pass@8 96", async () => {
      const { all } = await scored(recorded);
      expect(all).toMatchObject({ problems: 100, width: 8 });
      expect(percent(all.candidateAccuracy.estimate)).toBeCloseTo(91, 9);
      expect(percent(all.accuracy.estimate)).toBeCloseTo(93, 9);
      expect(percent(all.majAt["8"]?.estimate)).toBeCloseTo(93, 9);
      expect(percent(all.passAt["8"]?.estimate)).toBeCloseTo(96, 9);
    });

    it("the best of 8 by the reward model: 94", async () => {
      const { all } = await scored(recorded, { rule: "best-of-n" });
      expect(percent(all.accuracy.estimate)).toBeCloseTo(94, 9);
      expect(percent(all.majAt["8"]?.estimate)).toBeCloseTo(94, 9);
      expect(percent(all.majAt["1"]?.estimate)).toBeCloseTo(91, 9); // the best of one is that one
    });

    it("four tied votes put maj@8 between 91 and 94; shared, it is in between", async () => {
      const { all } = await scored(recorded, { ties: "expected" });
      expect(percent(all.accuracy.estimate)).toBeGreaterThan(91);
      expect(percent(all.accuracy.estimate)).toBeLessThan(94);
      expect(all.majAt["8"]?.estimate).toBeCloseTo(all.accuracy.estimate, 12);
    });
  });

  it("a tiny model on 200 problems, 8 candidates each: one 78.25, maj@8 91.0, pass@8 97.5", async () => {
    interface Row {
      id: string;
      sample: number;
      gold: string;
      predicted: string | null;
      text: string;
    }
    const recorded = dataRows<Row>("recordings/tiny-tir-test200x8.jsonl");
    const { all } = await scored(
      recorded.map(({ id, sample, gold, predicted, text }) => {
        return { problemId: `tiny/${id}`, sample, gold, answer: predicted ?? undefined, text };
      }),
    );
    expect(all).toMatchObject({ problems: 200, width: 8 });
    expect(percent(all.candidateAccuracy.estimate)).toBeCloseTo(78.25, 9);
    expect(percent(all.accuracy.estimate)).toBeCloseTo(91, 9);
    expect(percent(all.majAt["8"]?.estimate)).toBeCloseTo(91, 9);
    expect(percent(all.passAt["8"]?.estimate)).toBeCloseTo(97.5, 9);
    const unsolved = Object.values(all.unsolved).reduce((sum, count) => sum + (count ?? 0), 0);
    expect(unsolved).toBe(18);
    const population = all.accuracy.intervals.find(({ kind }) => kind === "population");
    const sampling = all.accuracy.intervals.find(({ kind }) => kind === "sampling");
    expect(population?.low).toBeCloseTo(0.862, 3); // Wilson, 182 of 200
    expect(population?.high).toBeCloseTo(0.942, 3);
    const widthOf = (interval: typeof sampling) => (interval?.high ?? Number.NaN) - (interval?.low ?? Number.NaN);
    expect(widthOf(sampling)).toBeLessThan(widthOf(population));
  });
});
