import { describe, expect, it } from "vitest";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { startTrace } from "../../pipeline/core/trace.ts";
import { startProgress, toCandidate, withTurn } from "../../pipeline/stages/candidate-progress.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { execution, turn } from "../helpers/run-rows.ts";

const profile = profileNamed("tir");
const config = runConfigSchema.parse({
  problems: [{ set: "set", file: "unused.jsonl" }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "none" },
});
const rules = reasoningRules(profile, config);
const key = { problemId: "set/a", replicate: 0, candidate: 0 };
const code = "Run.\n```python\nprint(1)\n```\n```output\n";

describe("a candidate's row", () => {
  it("tells how its last program ended, and how sure the model was of all its tokens", () => {
    const ran = { finish: "code", code: "\nprint(1)\n" } as const;
    const rows = [
      turn("set/a", 0, code, { ...ran, execution: execution("error"), logprobs: { tokens: 30, mean: -1, lowest: -5 } }),
      turn("set/a", 0, code, {
        ...ran,
        turn: 1,
        execution: execution("ok"),
        logprobs: { tokens: 10, mean: -3, lowest: -4 },
      }),
      turn("set/a", 0, "The answer is \\boxed{1}.", { turn: 2 }),
    ];
    const end = rows.reduce(
      (progress, row) => withTurn(rules, progress, row),
      startProgress(key, startTrace(profile, "What is 1?")),
    );
    expect(toCandidate(end, { policy: "integer" })).toMatchObject({
      outcome: "answered",
      answer: "1",
      meta: { lastExecution: "ok", meanLogProbability: -1.5 },
    });
  });

  it("has neither where there was no program and nothing was asked", () => {
    const row = turn("set/a", 0, "I do not know.");
    const end = withTurn(rules, startProgress(key, startTrace(profile, "What is 1?")), row);
    const { meta = {} } = toCandidate(end, { policy: "integer" });
    expect(meta).not.toHaveProperty("lastExecution");
    expect(meta).not.toHaveProperty("meanLogProbability");
  });
});
