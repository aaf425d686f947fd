import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { reportError } from "../../pipeline/cli/report-error.ts";
import { printJson, printLine, printNote } from "../../pipeline/commands/output.ts";
import { UserError } from "../../pipeline/core/user-error.ts";
import { writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { hostileKey, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";

/** What steers a terminal, or turns the direction of what follows: C0 but for tab and line feed, C1, bidirectional marks. */
const steering = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u;

afterEach(() => vi.restoreAllMocks());

function printed(print: () => void): string {
  let text = "";
  const take = (piece: unknown) => {
    text += String(piece);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(take);
  vi.spyOn(process.stderr, "write").mockImplementation(take);
  print();
  vi.restoreAllMocks();
  return text;
}

describe("what is printed", () => {
  it("steers no terminal, whatever the text", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const ways = [
          () => printLine(text),
          () => printNote(text),
          () => void reportError(new UserError(text, { hint: text })),
        ];
        for (const print of [...ways, () => void reportError(new Error(text))])
          expect(printed(print)).not.toMatch(steering);
      }),
      runs(150),
    );
  });

  it("as JSON is the same value, and steers no terminal", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          hostileKey.filter((key) => key !== "__proto__"),
          hostileText,
        ),
        (value) => {
          const text = printed(() => printJson(value));
          expect(text).not.toMatch(steering);
          expect(JSON.parse(text)).toEqual(value);
        },
      ),
      runs(100),
    );
  });

  it("is cut where an error quotes a key as long as its file", () => {
    expect(printed(() => void reportError(new UserError("k".repeat(1e6)))).length).toBeLessThan(10_000);
  });
});

const sequence = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\r";

describe("a command over data that is out to steer the terminal", () => {
  it("shows it, and sends none of it", async () => {
    const folder = join(await temporaryFolder(), `in${sequence.replaceAll("\u0000", "")}`);
    await mkdir(folder);
    const model = `model${sequence}`;
    const code = `Compute.\n\`\`\`python\nprint("${sequence.replaceAll("\r", "")}")\n1/0 # ${sequence.replaceAll("\r", "")}\n\`\`\`\n\`\`\`output`;
    const server = await startScriptedEngine(
      ({ turn, candidate, problemId }) => {
        if (candidate === 1 && problemId !== "solve/0") return { status: 400, message: `no ${sequence}` };
        return turn === 0 ? code : `${sequence} The answer is $\\boxed{42}$.`;
      },
      { models: [model, sequence], version: `9${sequence}` },
    );
    onTestFinished(() => server.close());
    const problems = [{ id: "a", problem: `What ${sequence}?`, answer: "42" }];
    const set = `set${sequence.trim()}`;
    const config = await writeConfig(folder, problems, server.baseUrl, {
      problems: [{ set, file: "problems-in.jsonl" }],
      engine: { kind: "vllm", baseUrl: server.baseUrl, model },
      profile: "qwen25-math-tir", // whose programs begin with no import
      sampling: { width: 2, depth: 2 },
      python: { preload: [] },
    });
    await writeFile(join(folder, `bad${sequence}.yaml`), `a: [${sequence}\nb: {`);
    const out = join(folder, `run${sequence}`);
    const ran = await sctir(["run", config, "--out", out], { cwd: folder });
    expect(ran).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("␛]0;owned␇") });
    const others = await Promise.all(
      [
        ["status", out],
        ["run", join(folder, `bad${sequence}.yaml`)],
      ].map((args) => sctir(args, { cwd: folder })),
    );
    for (const { stdout, stderr, exitCode } of [ran, ...others]) {
      expect(stdout + stderr).toMatch(/owned/u);
      expect(stdout).not.toMatch(steering);
      expect(stderr).not.toMatch(steering);
      expect([0, 1, 2, 3]).toContain(exitCode);
      expect(stderr).not.toContain("this is a bug");
    }
  });
});
