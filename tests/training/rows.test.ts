import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outputOf } from "../../pipeline/core/execution-output.ts";
import { programOf } from "../../pipeline/core/program.ts";
import { advance, decide, type ReasoningRules, startTrace } from "../../pipeline/core/trace.ts";
import { temporaryFolder } from "../adapters/dataset-files/temporary-folder.ts";
import { openSandbox, python, type SandboxUnderTest } from "../adapters/sandbox/sandbox-under-test.ts";
import { profileNamed } from "../helpers/profiles.ts";

const data = fileURLToPath(new URL("../../training/data", import.meta.url));
const folder = temporaryFolder();

interface Row {
  id: string;
  family: string;
  problem: string;
  segments: string[];
}

async function write(kind: "cot" | "tir", count: number, name = `${kind}.jsonl`): Promise<Row[]> {
  const path = join(folder.path, name);
  await execa(python ?? "python3", [join(data, "write_rows.py"), kind, String(count), path]);
  return read(path);
}

function read<R>(path: string): R[] {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.skipIf(!python)("write_rows.py", () => {
  let under: SandboxUnderTest;
  let rows: Row[];
  beforeAll(async () => {
    under = await openSandbox({});
    rows = await write("tir", 250);
  });
  afterAll(() => under.sandbox.close());

  it.each(["tir", "numina-tir"])("writes what sctir writes back under the profile %s", async (name) => {
    const profile = profileNamed(name);
    const rules: ReasoningRules = { profile, depth: 4, state: "stateless" };
    for (const { id, problem, segments } of rows) {
      let trace = startTrace(profile, problem);
      expect([id, trace.prompt]).toEqual([id, segments[0]]);
      for (let index = 1; index < segments.length; index += 2) {
        const finish = index + 1 < segments.length ? ("code" as const) : ("stop" as const);
        const message = { text: segments[index] ?? "", finish };
        const decision = decide(rules, trace, message);
        if (decision.kind !== "execute") {
          trace = advance(rules, trace, message);
          continue;
        }
        const showLastExpression = profile.lastLine === "show-expression";
        const execution = await under.run(programOf(decision.code, profile), { showLastExpression });
        const output = outputOf(execution, profile, { outputCharacters: 200, timeoutSeconds: 5 });
        trace = advance(rules, trace, message, { outcome: execution.outcome, output });
      }
      expect([id, trace.text]).toEqual([id, segments.slice(1).join("")]);
      expect(trace.rawAnswer).toMatch(/^\d+$/u);
    }
  });

  it("begins 12 to 25 % of the rows with a block that fails", () => {
    const failing = rows.filter(({ segments }) => segments.length > 4).length;
    expect(failing / rows.length).toBeGreaterThan(0.12);
    expect(failing / rows.length).toBeLessThan(0.25);
  });

  it("writes the same rows each time, and rows without programs for stage 1", async () => {
    expect((await write("tir", 60, "again.jsonl")).map((row) => JSON.stringify(row))).toEqual(
      rows.slice(0, 60).map((row) => JSON.stringify(row)),
    );
    for (const { segments } of await write("cot", 60)) {
      expect(segments).toHaveLength(2);
      expect(segments[1]).toMatch(/\\boxed\{\d+\}\$\.$/u);
      expect(segments[1]).not.toContain("```");
    }
  });
});

describe("kto_rows.py", () => {
  const outcome = "answered";
  const key = (candidate: number) => ({ problemId: "tiny/a", replicate: 0, candidate });
  const turn = (candidate: number, number: number, text: string, more: object) => ({
    ...key(candidate),
    turn: number,
    text,
    ...more,
  });
  const block = "Run.\n\n```python\nprint(6 * 7)\n```\n```output\n";
  const ran = { finish: "code", execution: { outcome: "ok", output: "42" } };
  const last = { finish: "stop" };

  async function rowsOf(turns: object[], candidates: object[]) {
    const lines = (rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    folder.write("run/selected.jsonl", lines([{ problemId: "tiny/a", statement: "What is 6 * 7?", answer: "42" }]));
    folder.write("run/turns.jsonl", lines(turns));
    folder.write("run/candidates.jsonl", lines(candidates));
    const path = join(folder.path, "kto.jsonl");
    const run = ["kto_rows.py", join(folder.path, "run"), path];
    const result = await execa("python3", run, { cwd: data, reject: false });
    return result.exitCode === 0 ? read(path) : result.stderr;
  }

  it("labels whole traces by their answers", async () => {
    const rows = await rowsOf(
      [
        turn(0, 1, "\nThe answer is $\\boxed{42}$.", last),
        turn(0, 0, block, ran),
        turn(1, 0, "Run.\n\n```python\nprint(6 + 7)\n```\n", { ...ran, execution: { outcome: "ok", output: "13" } }),
        turn(1, 1, "\nThe answer is $\\boxed{13}$.", last),
      ],
      [
        { ...key(0), outcome, answer: "42" },
        { ...key(1), outcome, answer: "13" },
      ],
    );
    const prompt = "### Problem: What is 6 * 7?\n### Solution: ";
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(
      expect.arrayContaining([
        { prompt, completion: `${block}42\n\`\`\`\nThe answer is $\\boxed{42}$.`, label: true },
        {
          prompt,
          completion: "Run.\n\n```python\nprint(6 + 7)\n```\n```output\n13\n```\nThe answer is $\\boxed{13}$.",
          label: false,
        },
      ]),
    );
  });

  it("leaves out traces that were restarted or did not end by themselves, and asks for right and wrong ones", async () => {
    const turns = [
      turn(0, 0, "No.", last),
      turn(0, 1, block, ran),
      turn(0, 2, "\n$\\boxed{42}$", last),
      turn(1, 0, block, ran),
      turn(1, 1, "\nAnd then", { finish: "length" }),
      turn(2, 0, block, ran),
      turn(2, 1, "\n$\\boxed{42}$", last),
    ];
    const candidates = [
      { ...key(0), outcome, answer: "42" },
      { ...key(1), outcome: "no-answer" },
      { ...key(2), outcome, answer: "42" },
    ];
    expect(await rowsOf(turns, candidates)).toContain("does not have both right and wrong completions");
  });
});
