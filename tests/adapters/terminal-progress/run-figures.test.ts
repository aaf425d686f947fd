import { describe, expect, it } from "vitest";
import { RunFigures } from "../../../pipeline/adapters/terminal-progress/run-figures.ts";
import type { Candidate } from "../../../pipeline/artifacts/candidate.ts";

const key = (candidate: number) => ({ problemId: "set/p0", replicate: 0, candidate });
const ended = (candidate: number): Candidate => ({
  ...{ ...key(candidate), outcome: "budget", turns: 0, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 },
});

describe("the figures of a run in progress", () => {
  it("have those in flight that began and did not end; a budget also ends some that never began", () => {
    const figures = new RunFigures(() => 0);
    figures.apply({ kind: "started", problems: 1, candidates: 4, finished: 0 });
    for (const candidate of [0, 1]) figures.apply({ kind: "candidate-started", key: key(candidate) });
    for (const candidate of [2, 3]) figures.apply({ kind: "candidate-finished", candidate: ended(candidate) });
    expect(figures.line).toContain("2/4 candidates (2 in flight)");
    for (const candidate of [0, 1]) figures.apply({ kind: "candidate-finished", candidate: ended(candidate) });
    expect(figures.line).toContain("4/4 candidates (0 in flight)");
  });
});
