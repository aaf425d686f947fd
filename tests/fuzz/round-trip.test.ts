import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { comparable, jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { type ScriptedRequest, startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** Texts that some step on the way might change: each is a statement, a part of what a model writes, and printed. */
const texts: Record<string, string> = {
  nul: "a\u0000b",
  "line-ends": "a\rb\r\nc\u0085d\u2028e\u2029f",
  escape: "\u001b[31mred\u001b[0m \u009b1m \u0007",
  bidi: "a\u202eb\u2066c\u200f",
  bom: "\ufeffa\ufeff",
  "combining-and-wide": "e\u0301 é ﬁ 𝟙 😀 ٣",
  proto: '__proto__ {"__proto__": 1} constructor',
  templates: "{problem} {output} $& $1 $` %s \\n \\u0041",
  fences: "```text\nx\n``` ~~~ ` ``",
};

const half = "half a character: \ud83d, \udc00 and \ud800";

const fence = "```output"; // the stop string of the profile, which is not kept

function reply({ problemId, candidate, turn }: ScriptedRequest): string {
  const text = textOf(problemId);
  if (turn === 0) {
    const literal = JSON.stringify(text).replace(/[`\u007f-\uffff]/gu, escaped);
    return `${text}\n\`\`\`python\nprint(${literal}, 40 + 2)\n\`\`\`\n${fence}`;
  }
  if (candidate === 0) return `${text} so it is $\\boxed{42}$.`;
  const longest = problemId === "own/nul" ? "long ".repeat(2_000_000) : "";
  return `${longest}${half}\n\\boxed{-007.0}${text}`;
}

const written = (asked: ScriptedRequest) => reply(asked).replace(fence, "");
const textOf = (problemId: string) => texts[problemId.slice("own/".length)] ?? "";
const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

describe("a run", () => {
  it("keeps every character from the data file to the verdicts, and through a resume", async () => {
    const folder = await temporaryFolder();
    const server = await startScriptedEngine(reply, { maxModelLen: null });
    onTestFinished(() => server.close());
    const problems = Object.entries(texts).map(([id, text]) => ({
      id,
      problem: `${text} What is it? ${text}`,
      answer: "42.0",
    }));
    const config = await writeConfig(folder, problems, server.baseUrl, {
      profile: "qwen25-math-tir", // whose programs begin with no import
      sampling: { width: 2, depth: 3, maxTokens: 16_384, seed: 7 },
      python: { outputCharacters: 1000, preload: [] },
    });
    const out = join(folder, "run");
    const ran = await sctir(["run", config, "--out", out]);
    expect(ran).toMatchObject({ exitCode: 0 });

    const statements = new Map(problems.map(({ id, problem }) => [`own/${id}`, problem]));
    for (const file of ["problems.jsonl", "selected.jsonl"]) {
      expect(new Map(rowsOf(out, file).map(({ problemId, statement }) => [problemId, statement]))).toEqual(statements);
    }
    const turns = new Map(
      rowsOf(out, "turns.jsonl").map((row) => [`${row.problemId}:${row.candidate}:${row.turn}`, row]),
    );
    expect(turns.size).toBe(4 * problems.length);
    for (const asked of server.log) {
      const { problemId, candidate, turn, body } = asked;
      expect(body.prompt).toContain(statements.get(problemId));
      expect(turns.get(`${problemId}:${candidate}:${turn}`)?.text).toBe(written(asked).toWellFormed());
      if (turn === 0) continue;
      const printed = `${textOf(problemId)} 42`;
      expect(turns.get(`${problemId}:${candidate}:0`)).toMatchObject({ execution: { outcome: "ok", output: printed } });
      expect(body.prompt).toContain(`${statements.get(problemId)}`);
      expect(body.prompt).toContain(`${written({ ...asked, turn: 0 }).trimEnd()}\n${fence}\n${printed}\n\`\`\`\n`);
    }
    for (const { candidate, answer, rawAnswer } of rowsOf(out, "candidates.jsonl")) {
      expect([rawAnswer, answer]).toEqual(candidate === 0 ? ["42", "42"] : ["-007.0", "-7"]);
    }
    expect(rowsOf(out, "verdicts.jsonl").map(({ gold, expected, correct }) => [gold, expected, correct])).toEqual(
      problems.map(() => ["42.0", "42", true]),
    );

    // As a process leaves it that is killed while it writes a row.
    const resumed = join(folder, "resumed");
    await cp(out, resumed, { recursive: true });
    const lines = (await readFile(join(out, "turns.jsonl"), "utf8")).split("\n").slice(0, -1);
    const kept = lines.slice(0, Math.floor(lines.length / 2));
    await writeFile(join(resumed, "turns.jsonl"), `${kept.join("\n")}\n${lines.at(-1)?.slice(0, 100)}`);
    for (const file of ["candidates.jsonl", "votes.jsonl", "verdicts.jsonl", "summary.json"])
      await rm(join(resumed, file));
    const manifest = jsonOf(out, "manifest.json");
    const { load, filter } = manifest.stages as Record<string, object>;
    await writeFile(
      join(resumed, "manifest.json"),
      JSON.stringify({ ...manifest, state: "running", stages: { load, filter } }),
    );
    expect(await sctir(["run", config, "--out", resumed])).toMatchObject({ exitCode: 0 });
    for (const file of ["turns.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(resumed, file)).toEqual(comparable(out, file));
    }
  });
});
