import { describe, expect, it } from "vitest";
import { LengthMeter } from "../../pipeline/core/candidate-length.ts";
import { turn } from "../helpers/run-rows.ts";

function measure(rows: [candidate: number, turn: number, prompt: number, completion: number][]) {
  const meter = new LengthMeter();
  for (const [candidate, number, prompt, completion] of rows) {
    meter.add(turn("aime/1", candidate, "", { turn: number, tokens: { prompt, completion } }));
  }
  return meter.length;
}

describe("measured lengths", () => {
  it("are means over candidates and turns; what lies between two turns is a program's output", () => {
    const rows = [
      [0, 0, 100, 300],
      [1, 0, 100, 500],
      [0, 1, 420, 100], // 20 tokens of output
      [0, 2, 560, 100], // 40 tokens of output
    ] as [number, number, number, number][];
    expect(measure(rows)).toEqual({
      ...{ candidates: 2, promptTokens: 100, turns: 2, tokensPerTurn: 250, outputTokens: 30 },
    });
  });

  it("take no output from a candidate that began anew", () => {
    const rows = [
      [0, 0, 100, 300],
      [0, 1, 100, 300],
    ] as [number, number, number, number][];
    expect(measure(rows)).toMatchObject({ turns: 2, outputTokens: 0 });
  });

  it("are undefined without turns", () => {
    expect(measure([])).toBeUndefined();
  });
});
