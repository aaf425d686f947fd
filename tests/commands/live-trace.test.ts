import { beforeEach, describe, expect, it } from "vitest";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { LiveTrace } from "../../pipeline/commands/live-trace.ts";

let screen = "";
let trace: LiveTrace;
beforeEach(() => {
  screen = "";
  trace = new LiveTrace((text) => {
    screen += text;
  });
});

const turnOf = (candidate: number, turn = 0) => `solve/0:0:${candidate}:${turn}`;

function finish(candidate: number, text: string, fields: Partial<Turn> = {}): void {
  const key = { problemId: "solve/0", replicate: 0, candidate };
  const rest = { requestId: `${turnOf(candidate)}:0`, seed: 1, tokens: { prompt: 1, completion: 1 } };
  const row: Turn = { ...key, turn: 0, ...rest, text, finish: "stop", startedAt: 0, milliseconds: 1, ...fields };
  trace.observe({ kind: "turn", row });
}

function end(candidate: number, fields: object = { outcome: "answered", answer: "4" }): void {
  const key = { problemId: "solve/0", replicate: 0, candidate, turns: 1, tokens: { prompt: 1, completion: 1 } };
  trace.observe({ kind: "candidate-finished", candidate: { ...key, milliseconds: 1, ...fields } as never });
}

/** The screen without the lines that headlines end with. */
const lines = () => screen.replace(/ ─+\n/gu, "\n").split("\n");

describe("a trace that grows", () => {
  it("is shown piece by piece, each once", () => {
    trace.tell(turnOf(0), "The ans");
    expect(lines()).toEqual(["── candidate 0, turn 0", "The ans"]);
    trace.tell(turnOf(0), "wer is 4.");
    finish(0, "The answer is 4.");
    end(0);
    expect(lines()).toEqual(["── candidate 0, turn 0", "The answer is 4.", "── candidate 0: answered 4", "", ""]);
  });

  it("is shown whole where no pieces are told", () => {
    finish(0, "The answer is 4.\n\n");
    end(0);
    expect(lines()).toEqual(["── candidate 0, turn 0", "The answer is 4.", "── candidate 0: answered 4", "", ""]);
  });

  it("goes on with what its program did", () => {
    const figures = { outputBytes: 2, cpuMilliseconds: 1, peakMemoryMiB: 1 };
    trace.tell(turnOf(0), "```output\n");
    finish(0, "```output\n", { execution: { outcome: "ok", output: "4", milliseconds: 12.4, ...figures } });
    expect(lines().slice(1)).toEqual(["```output", "4", "```  (ok, 12 ms)", ""]);
  });

  it("lets others wait: they are shown when it is done, those that still grow with all they have", () => {
    trace.tell(turnOf(0), "zero");
    trace.tell(turnOf(1), "one");
    trace.tell(turnOf(2), "two ");
    finish(1, "one, whole");
    end(1);
    expect(screen).not.toMatch(/one|two/u);
    finish(0, "zero");
    trace.tell(turnOf(2), "goes on");
    finish(2, "two goes on");
    expect(lines()).toEqual([
      ...["── candidate 0, turn 0", "zero"],
      ...["── candidate 1, turn 0", "one, whole", "── candidate 1: answered 4", ""],
      ...["── candidate 2, turn 0", "two goes on", ""],
    ]);
  });

  it("is marked as discarded when it begins anew", () => {
    trace.tell(turnOf(0), undefined);
    trace.tell(turnOf(0), "The ans");
    trace.tell(turnOf(0), undefined);
    trace.tell(turnOf(0), "It is 4.");
    finish(0, "It is 4.");
    expect(lines()).toEqual([
      ...["── candidate 0, turn 0", "The ans", "(discarded: it is asked for again)"],
      ...["── candidate 0, turn 0", "It is 4.", ""],
    ]);
  });

  it("begins anew without a word where nobody saw it", () => {
    trace.tell(turnOf(0), "zero");
    trace.tell(turnOf(1), "lost");
    trace.tell(turnOf(1), undefined);
    trace.tell(turnOf(1), "one");
    finish(0, "zero");
    expect(lines()).toEqual(["── candidate 0, turn 0", "zero", "── candidate 1, turn 0", "one"]);
  });

  it("gains the stop string that the server did not send", () => {
    trace.tell(turnOf(0), "print(4)\n");
    finish(0, "print(4)\n```output\n");
    expect(lines()).toEqual(["── candidate 0, turn 0", "print(4)", "```output", ""]);
  });

  it("is shown as it counts where the engine cut it", () => {
    trace.tell(turnOf(0), "print(4)\n```output\nand more");
    finish(0, "print(4)\n```output\n");
    expect(lines().slice(4)).toEqual([
      "(discarded: the engine cut it)",
      ...["── candidate 0, turn 0", "print(4)", "```output", ""],
    ]);
  });

  it("ends with its candidate", () => {
    trace.tell(turnOf(0), "The ans");
    end(0, { outcome: "engine-failed", meta: { reason: "it went \u001b[2Jaway" } });
    trace.tell(turnOf(1), "one");
    expect(lines()).toEqual([
      ...["── candidate 0, turn 0", "The ans", "(broken off)"],
      ...["── candidate 0: engine-failed it went ␛[2Jaway", ""],
      ...["── candidate 1, turn 0", "one"],
    ]);
  });

  it("ends with the command, on a line of its own", () => {
    trace.close();
    expect(screen).toBe("");
    trace.tell(turnOf(0), "The ans");
    trace.close();
    expect(lines()).toEqual(["── candidate 0, turn 0", "The ans", "(broken off)", ""]);
  });

  it("sends no control character to the terminal, however the pieces are cut", () => {
    for (const piece of ["\u001b", "[31mred\u0007", "\u009b2J", "\u202e"]) trace.tell(turnOf(0), piece);
    finish(0, "\u001b[31mred\u0007\u009b2J\u202e\u001b]0;title");
    expect(lines()[1]).toBe("␛[31mred␇<U+009B>2J<U+202E>␛]0;title");
  });
});
