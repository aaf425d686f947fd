import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAvailable, isolations, python } from "./sandbox-under-test.ts";
import { type Checkpoint, faultsOf, type SoakReport, soak } from "./soak.ts";

// The long form, of 100,000 executions: npm run soak:sandbox
describe.skipIf(!python || !existsSync("/proc/self/fd"))("the Python sandbox, after many programs", async () => {
  for (const isolation of isolations) {
    it.skipIf(!(await isAvailable(isolation)))(
      `has right results, and leaves no process, file or memory behind, with ${isolation}`,
      async () => {
        const report = await soak({ executions: 200, seed: 4, isolation, size: 2, workerDeaths: 1, checkpoints: 4 });
        expect(faultsOf(report)).toEqual([]);
        expect(report.checkpoints.at(-1)?.executions).toBe(200);
      },
    );
  }
});

describe("the soak test's judgement", () => {
  const worker = { pid: 2, openFiles: 8, residentMiB: 90 };
  const node = { pid: 1, openFiles: 30, residentMiB: 120, heapMiB: 20, resources: 9 };
  const checkpoint = (executions: number): Checkpoint => ({
    ...{ executions, seconds: 1, zombies: 0 },
    ...{ node, workers: [worker, worker] },
  });
  const good = (): SoakReport => ({
    ...{ isolation: "limits", size: 2, counts: {}, wrong: [], processesLeft: [], filesLeft: [] },
    checkpoints: Array.from({ length: 21 }, (_, index) => checkpoint(index * 10)),
  });
  const withLast = (last: Partial<Checkpoint>): SoakReport => ({
    ...good(),
    checkpoints: [...good().checkpoints.slice(0, -1), { ...checkpoint(200), ...last }],
  });

  it("finds nothing wrong where nothing is", () => {
    expect(faultsOf(good())).toEqual([]);
  });

  it.each<[string, SoakReport]>([
    ["a wrong result", { ...good(), wrong: ["print(1)"] }],
    ["a process that was left", { ...good(), processesLeft: [7] }],
    ["a directory that was left", { ...good(), filesLeft: ["sctir-x"] }],
    ["a zombie", withLast({ zombies: 1 })],
    ["a process more", withLast({ workers: [worker, worker, worker] })],
    ["open files in Node", withLast({ node: { ...node, openFiles: 60 } })],
    ["timers in Node", withLast({ node: { ...node, resources: 200 } })],
    ["memory in Node", withLast({ node: { ...node, residentMiB: 200 } })],
    ["objects in Node", withLast({ node: { ...node, heapMiB: 30 } })],
    ["open files in a worker", withLast({ workers: [worker, { ...worker, openFiles: 20 }] })],
    ["memory in a worker", withLast({ workers: [worker, { ...worker, residentMiB: 150 }] })],
    ["too little to compare", { ...good(), checkpoints: good().checkpoints.slice(0, 2) }],
  ])("finds %s", (_, report) => {
    expect(faultsOf(report)).toHaveLength(1);
  });
});
