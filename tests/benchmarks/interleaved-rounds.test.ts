import { describe, expect, it } from "vitest";
import type { Way } from "../../benchmarks/benchmark.ts";
import { measure, quantile } from "../../benchmarks/interleaved-rounds.ts";

describe("measure", () => {
  /** Ways that note their names when they are run. The milliseconds are made up. */
  function watched(log: string[], names: string[]): [Way, ...Way[]] {
    const [first, ...others] = names.map((name, index): Way => {
      const runOnce = async () => {
        log.push(name);
        return (index + 1) * 10;
      };
      return { name, runsPerRound: 2, runOnce };
    });
    if (!first) throw new Error("A contest has a way.");
    return [first, ...others];
  }

  it("warms up, then takes the ways in turn, in every other round in the opposite order", async () => {
    const log: string[] = [];
    await measure({ task: "task", ways: watched(log, ["a", "b"]) }, { rounds: 2, concurrency: 1 });
    expect(log.join("")).toBe("ab" + "aabb" + "bbaa");
  });

  it("counts the runs of all rounds, and compares every way but the first with the first", async () => {
    const rows = await measure({ task: "task", ways: watched([], ["a", "b"]) }, { rounds: 3, concurrency: 2 });
    expect(rows).toMatchObject([
      { task: "task", way: "a", runs: 6, median: 10, p99: 10, spread: { lowest: 10, highest: 10 } },
      { task: "task", way: "b", runs: 6, median: 20, p99: 20, ratio: { median: expect.any(Number) } },
    ]);
    expect(rows[0]).not.toHaveProperty("ratio");
  });

  it("runs as many at a time as it is told", async () => {
    let [running, most] = [0, 0];
    const runOnce = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      return 1;
    };
    await measure({ task: "task", ways: [{ name: "a", runsPerRound: 9, runOnce }] }, { rounds: 1, concurrency: 3 });
    expect(most).toBe(3);
  });

  it("fails when a run does", async () => {
    const runOnce = () => Promise.reject(new Error("a wrong result"));
    const contest = { task: "task", ways: [{ name: "a", runsPerRound: 1, runOnce }] as [Way] };
    await expect(measure(contest, { rounds: 1, concurrency: 1 })).rejects.toThrow("a wrong result");
  });
});

describe("quantile", () => {
  it.each([
    [[3, 1, 2], 0.5, 2],
    [[4, 3, 2, 1], 0.5, 2],
    [Array.from({ length: 100 }, (_, index) => index + 1), 0.99, 99],
    [[5, 7], 0.99, 7],
    [[5], 0, 5],
    [[], 0.5, Number.NaN],
  ])("of %j at %d is %d", (values, share, expected) => {
    expect(quantile(values, share)).toBe(expected);
  });
});
