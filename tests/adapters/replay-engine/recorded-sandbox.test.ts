import { describe, expect, it } from "vitest";
import { recordedSandbox } from "../../../pipeline/adapters/replay-engine/recorded-sandbox.ts";
import type { Recordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import { VirtualClock } from "../../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import type { Execution } from "../../../pipeline/artifacts/execution.ts";
import { outputOf } from "../../../pipeline/core/execution-output.ts";
import { programOf } from "../../../pipeline/core/program.ts";
import { scriptPath } from "../../../pipeline/core/traceback.ts";
import { failure } from "./replay-fixture.ts";

const profile = {
  ...{ prelude: ["import math"], lastLine: "as-is" as const, timeoutMessage: "Timed out after {seconds} seconds." },
  ...{ traceback: "own-frames" as const, cut: { keep: "head" as const, marker: "…" } },
};
const limits = { outputCharacters: 300, timeoutSeconds: 5 };
const figures = { outputBytes: 3, milliseconds: 120, cpuMilliseconds: 100, peakMemoryMiB: 9 };
const did = (output: string, fields: Partial<Execution> = {}): Execution => ({
  outcome: "ok",
  output,
  ...figures,
  ...fields,
});

/** A journal of one candidate: its blocks and what they did. */
function journalOf(blocks: [code: string, execution: Execution][]): Recordings {
  const turns = blocks.map(([code, execution], turn) => {
    const row = {
      text: "",
      finish: "code" as const,
      seed: turn,
      tokens: { prompt: 1, completion: 1 },
      code,
      execution,
    };
    return [turn, row] as const;
  });
  const key = { kind: "journal" as const, problemId: "own/1", replicate: 0, candidate: 0 };
  const trace = { ...key, turns: new Map(turns), endsWithContextFull: false };
  return { problems: [{ statement: "?", traces: [trace] }], traces: 1 };
}

const request = (code: string, earlier: string[] = []) => ({
  code: programOf(code, profile),
  earlier: earlier.map((block) => programOf(block, profile)),
  ...{ showLastExpression: false, timeoutSeconds: 5, memoryMiB: 64 },
});

describe("a recorded sandbox", () => {
  it("answers with what a program did, after as much time", async () => {
    const clock = new VirtualClock();
    const sandbox = recordedSandbox({ clock, profile, recordings: journalOf([["print(1)", did("1")]]) });
    expect(await sandbox.execute(request("print(1)"))).toMatchObject({ outcome: "ok", stdout: "1", ...figures });
    expect(clock.now()).toBe(120);
  });

  it("tells equal programs apart by the blocks before them", async () => {
    const [set, show] = ["n = 1", "print(n)"];
    const recordings = journalOf([
      [show, did("NameError", { outcome: "error" })],
      [set, did("")],
      [show, did("1")],
    ]);
    const sandbox = recordedSandbox({ clock: new VirtualClock(), profile, recordings });
    expect(await sandbox.execute(request(show, [show, set]))).toMatchObject({ outcome: "ok", stdout: "1" });
    expect(await sandbox.execute(request(show))).toMatchObject({ outcome: "error" });
    expect(await sandbox.execute(request(show, ["something else"]))).toMatchObject({ outcome: "error" });
  });

  it("gives executions that are written back as they were", async () => {
    const stderr = `Traceback (most recent call last):\n  File "${scriptPath}", line 2, in <module>\n    1 / 0\n    ~~^~~\nZeroDivisionError: division by zero`;
    const happened = [
      { outcome: "ok" as const, stdout: "4\n", stderr: "" },
      { outcome: "ok" as const, stdout: "long ".repeat(100), stderr: "" },
      { outcome: "error" as const, stdout: "", stderr },
      { outcome: "timeout" as const, stdout: "", stderr: "" },
      { outcome: "memory" as const, stdout: "", stderr: "" },
    ];
    for (const result of happened) {
      const output = outputOf(result, profile, limits);
      const recordings = journalOf([["x", did(output, { outcome: result.outcome })]]);
      const sandbox = recordedSandbox({ clock: new VirtualClock(), profile, recordings });
      expect(outputOf(await sandbox.execute(request("x")), profile, limits)).toBe(output);
    }
  });

  it("can give one execution for all that is not recorded, and a time for all", async () => {
    const clock = new VirtualClock();
    const otherwise = { outcome: "ok" as const, stdout: "7", stderr: "", ...figures };
    const recordings = journalOf([]);
    const sandbox = recordedSandbox({ clock, profile, recordings, otherwise, milliseconds: 30 });
    expect(await sandbox.execute(request("anything"))).toMatchObject({ stdout: "7", milliseconds: 30 });
    expect(clock.now()).toBe(30);
  });

  it("says so where a program is not recorded", async () => {
    const sandbox = recordedSandbox({ clock: new VirtualClock(), profile, recordings: journalOf([]) });
    const error = await failure(sandbox.execute(request("print(5)")));
    expect(error.message).toContain("print(5)");
  });
});
