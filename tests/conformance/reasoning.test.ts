import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPythonSandbox } from "../../pipeline/adapters/sandbox/python-pool.ts";
import type { Profile } from "../../pipeline/artifacts/profile.ts";
import { ballotOf } from "../../pipeline/core/answer-policy.ts";
import { pythonBlocks } from "../../pipeline/core/code-block.ts";
import { outputOf } from "../../pipeline/core/execution-output.ts";
import { programOf } from "../../pipeline/core/program.ts";
import { advance, decide, type ReasoningRules, startTrace, type Trace } from "../../pipeline/core/trace.ts";
import { vote } from "../../pipeline/core/vote.ts";
import type { PythonSandbox } from "../../pipeline/stages/ports.ts";
import { dataRows, hasDataFolder } from "../helpers/data-folder.ts";
import { profileNamed } from "../helpers/profiles.ts";

/** Conformance with the winning notebook: its step, its execution and its whole loop, with the code really run. */

const notebook = profileNamed("numina-tir");
const fence = "```output\n";
let sandbox: PythonSandbox;

function rulesFor(restartOnFail: boolean, depth: number): ReasoningRules {
  const profile: Profile = restartOnFail ? notebook : { ...notebook, withoutCode: "end", withoutAnswer: "end" };
  return { profile, depth, state: "stateless" };
}

const finishOf = (text: string) => (text.endsWith(fence) ? "code" : "stop");

async function run(block: string) {
  const result = await sandbox.execute({
    code: programOf(block, notebook),
    earlier: [],
    showLastExpression: false,
    timeoutSeconds: 5,
    memoryMiB: 1024,
  });
  const output = outputOf(result, notebook, { outputCharacters: 200, timeoutSeconds: 5 });
  return { outcome: result.outcome, output };
}

/** One turn as the generate stage does it. */
async function step(rules: ReasoningRules, trace: Trace, text: string): Promise<Trace> {
  const message = { text, finish: finishOf(trace.text + text) } as const;
  const decision = decide(rules, trace, message);
  return advance(rules, trace, message, decision.kind === "execute" ? await run(decision.code) : undefined);
}

const withoutAddress = (text: string) => text.replace(/0x[0-9a-f]+/gu, "0x…");

describe.skipIf(!hasDataFolder)("the notebook's loop, case by case", () => {
  let messagesAreOf311 = true; // the cases' error messages are CPython 3.11's
  beforeAll(async () => {
    sandbox = await openPythonSandbox({});
    messagesAreOf311 = (await sandbox.describe()).python.startsWith("3.11.");
  });
  afterAll(() => sandbox.close());

  it("executes blocks and writes their output back", async ({ skip }) => {
    skip(!messagesAreOf311, "the interpreter is not CPython 3.11");
    const cases = dataRows<{ input: string; output: { appended: string; success: boolean } }>(
      "conformance/execution.jsonl",
    );
    expect(cases).toHaveLength(90);
    const results = await Promise.all(cases.map(({ input }) => run(pythonBlocks(input).at(-1) ?? "")));
    for (const [index, { input, output }] of cases.entries()) {
      const appended = notebook.writeBack.replace("{output}", () => results[index]?.output ?? "");
      expect(withoutAddress(appended), input).toBe(withoutAddress(output.appended));
      expect(results[index]?.outcome === "ok", input).toBe(output.success);
    }
  });

  it("decides a step", async () => {
    interface Case {
      function: string;
      input: { prompt: string; genTexts: string; restartOnFail: boolean; lastStep: boolean };
      output: { genTexts: string; shouldPrune: boolean; modelAnswer: string };
    }
    const cases = dataRows<Case>("conformance/answers.jsonl").filter((row) => row.function === "processCode");
    expect(cases).toHaveLength(150);
    for (const { input, output } of cases) {
      const rules = rulesFor(input.restartOnFail, input.lastStep ? 1 : 9);
      const start: Trace = { prompt: "", text: "", turns: 0, writtenBack: "", executedBlocks: [], hadCode: false };
      const trace = await step(rules, start, input.genTexts);
      expect(trace.text === "" ? input.prompt : trace.text, input.genTexts).toBe(output.genTexts);
      expect(trace.ended?.pruned ?? false, input.genTexts).toBe(output.shouldPrune);
      expect(trace.rawAnswer ?? "-1", input.genTexts).toBe(output.modelAnswer);
    }
  });

  it("solves problems, candidates in any order", async ({ skip }) => {
    skip(!messagesAreOf311, "the interpreter is not CPython 3.11");
    interface Case {
      input: { prompt: string; depth: number; restartOnFail: boolean; completions: string[][] };
      output: { order: number[]; modelAnswers: string[]; finalTexts: string[]; filtered: number[]; majority: number };
    }
    const cases = dataRows<Case>("conformance/loop.jsonl");
    expect(cases).toHaveLength(24);
    for (const { input, output } of cases) {
      const rules = rulesFor(input.restartOnFail, input.depth);
      const traces = await Promise.all(
        input.completions.map(async (texts) => {
          let trace: Trace = { ...startTrace(notebook, ""), prompt: input.prompt };
          while (!trace.ended) trace = await step(rules, trace, texts[trace.turns] ?? "");
          return trace;
        }),
      );
      const inVoteOrder = output.order.map((candidate) => traces[candidate]);
      expect(inVoteOrder.map((trace) => trace?.rawAnswer ?? "-1")).toEqual(output.modelAnswers);
      expect(inVoteOrder.map((trace) => `${trace?.prompt}${trace?.text}`)).toEqual(output.finalTexts);

      const candidates = traces.map((trace, candidate) => {
        const answer = trace.rawAnswer === undefined ? null : ballotOf(trace.rawAnswer, notebook.policy);
        return {
          ...{ problemId: "case/0", replicate: 0, candidate, outcome: trace.ended?.outcome ?? "no-answer" },
          ...{ turns: trace.turns, tokens: { prompt: 0, completion: 0 }, milliseconds: 0 },
          ...(answer === null ? {} : { answer }),
          ...(trace.ended?.pruned ? { meta: { pruned: true } } : {}),
        };
      });
      const elected = vote(candidates.reverse(), { ties: "first-seen", fallback: "0" });
      expect(elected.answer).toBe(String(output.majority));
    }
  });
});
