import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { comparable, jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { type ScriptedEngine, startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** What a model may write where a program is expected: each has a clear outcome, and the run goes to its end. */

let engine: ScriptedEngine | undefined;
afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

interface Expected {
  code: string;
  outcome: string;
  output: RegExp;
}

/** Evaluates a problem for each of these: its first turn is that program, its second an answer. */
async function evaluate(programs: Record<string, Expected>, rest: object = {}) {
  engine = await startScriptedEngine(
    ({ problemId, turn }) => {
      const code = programs[problemId.slice("own/".length)]?.code ?? "";
      return turn === 0 ? `I compute.\n\`\`\`python\n${code}\n\`\`\`\n\`\`\`output\n` : "\nSo $\\boxed{1}$.";
    },
    { maxModelLen: 32_768 },
  );
  const problems = Object.keys(programs).map((id) => ({ id, problem: `What is ${id}?`, answer: "1" }));
  const folder = await temporaryFolder();
  const sampling = { width: 1, depth: 2, maxTokens: 128, seed: 7 };
  const config = await writeConfig(folder, problems, engine.baseUrl, { sampling, ...rest });
  const out = join(folder, "run");
  const args = ["run", config, "--out", out];
  const ended = await sctir(args);
  const turns = rowsOf(out, "turns.jsonl") as unknown as Turn[];
  const ran = (id: string) => turns.find(({ problemId, turn }) => problemId === `own/${id}` && turn === 0)?.execution;
  return { ended, ran, out, args, candidates: rowsOf(out, "candidates.jsonl") };
}

describe("a program", () => {
  const programs: Record<string, Expected> = {
    surrogates: { code: "print('\ud800' + 'b')", outcome: "ok", output: /^\ufffdb$/u },
    empty: { code: "", outcome: "ok", output: /^$/u },
    comments: { code: "# first this\n# then that", outcome: "ok", output: /^$/u },
    nul: { code: "print(1)\0", outcome: "error", output: /null byte/u },
    nested: {
      code: `print(${"(".repeat(10_000)}1${")".repeat(10_000)})`,
      outcome: "error",
      output: /\(\(\(.*truncated\)$/u,
    },
  };

  it.each(["stateless", "session"])("may be no text, nothing at all, or no Python: %s", async (state) => {
    const python = { state, timeoutSeconds: 60 };
    const { ended, ran, out, args, candidates } = await evaluate(programs, { python });
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.not.stringMatching(/bug|^ +at /mu) });
    for (const [id, { outcome, output }] of Object.entries(programs)) {
      expect(ran(id), id).toMatchObject({ outcome, output: expect.stringMatching(output) });
    }
    expect(candidates.map(({ outcome }) => outcome)).toEqual(candidates.map(() => "answered"));
    const before = comparable(out, "turns.jsonl");
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    expect(comparable(out, "turns.jsonl")).toEqual(before);
  });

  it("may have ten million characters, which then fill the context", async () => {
    const { ended, ran, candidates } = await evaluate(
      { text: { code: `x = "${"a".repeat(10_000_000)}"\nprint(len(x))`, outcome: "ok", output: /^10000000$/u } },
      // A reply of more than 1 KiB for each token asked for is taken for nonsense.
      { python: { timeoutSeconds: 120 }, sampling: { width: 1, depth: 2, maxTokens: 16_384, seed: 7 } },
    );
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.not.stringMatching(/bug|^ +at /mu) });
    expect(ran("text")).toMatchObject({ outcome: "ok", output: "10000000" });
    expect(candidates).toMatchObject([{ outcome: "context-full", turns: 1 }]);
  });

  it("that imports a package which is not installed is counted, by the package's name", async () => {
    const { ended, ran, out } = await evaluate({
      pandas: { code: "import pandas.core", outcome: "error", output: /No module named 'pandas'$/u },
      caught: { code: "try: import pandas\nexcept ImportError: print(1)", outcome: "ok", output: /^1$/u },
      part: { code: "import sympy.solve", outcome: "error", output: /No module named 'sympy\.solve'$/u },
    });
    expect(ended.exitCode).toBe(0);
    expect(ran("pandas")).toMatchObject({ outcome: "error", missingModule: "pandas" });
    expect(ran("part")).toMatchObject({ outcome: "error" });
    expect(ran("part")).not.toHaveProperty("missingModule");
    const warning = "1 executions in 1 candidates failed because a module is not installed: pandas (1).";
    expect(jsonOf(out, "summary.json").warnings).toEqual([expect.stringContaining(warning)]);
    expect(ended.stdout).toContain("sctir doctor");
  });
});
