import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import {
  type ArtifactFile,
  candidatesFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../../pipeline/artifacts/artifact-file.ts";
import { candidate, execution, problem, turn } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { canonical, changedJson, nested } from "./hostile-json.ts";
import { damagedBytes } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const { answer: _, flags: __, ...read } = problem("set/a", "42");
const key = { problemId: "set/a", replicate: 0 };

/** A row of each file that has about all fields that there are. */
const files: [ArtifactFile<unknown>, object][] = [
  [problemsFile, { ...read, level: "5", url: "https://example.org/a", meta: { source: ["x", { y: 1.5 }] } }],
  [selectedFile, { ...problem("set/a", "-42"), flags: ["borderline"], meta: { duplicateOf: ["set/b"] } }],
  [rejectedFile, { problemId: "set/a", set: "set", gold: "p-q", reason: "not an integer: p-q" }],
  [
    turnsFile,
    turn("set/a", 3, "Compute.\n```python\nprint(42)\n```\n```output\n", {
      ...{ finish: "code", stopString: "```output\n", code: "\nprint(42)\n", firstTokenMilliseconds: 1, endpoint: "x" },
      execution: { ...execution("error"), rebuilt: "same", missingModule: "gmpy2" },
      ...{ tokens: { prompt: 65, completion: 114, cached: 60 }, logprobs: { tokens: 3, mean: -0.5, lowest: -2 } },
      meta: { queuedMilliseconds: 3 },
    }),
  ],
  [candidatesFile, candidate("set/a", 3, "351", { meta: { pruned: true, lostMilliseconds: 4 } })],
  [
    votesFile,
    { ...key, answer: "7", tally: [{ answer: "7", count: 2, score: 1 }], candidates: 3, rule: "r", decidedAfter: 2 },
  ],
  [
    verdictsFile,
    { ...key, set: "set", gold: "7.0", expected: "7", answer: null, correct: false, solvedBy: 0, candidates: 3 },
  ],
];

describe.each(files.map(([file, row]) => ({ name: file.name, file, row })))("$name", ({ file, row }) => {
  /** Every line is a row, exactly as it stands there, or the error names it: nothing is left out, and nothing changed. */
  async function check(folder: string, lines: readonly (string | Buffer)[]): Promise<void> {
    const path = join(folder, file.name);
    const bytes = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
    await writeFile(path, bytes);
    const found: unknown[] = [];
    try {
      for await (const each of (await openRunDirectory(folder)).rows(file)) found.push(each);
    } catch (error) {
      expect(asUseful(error, path).message).toMatch(/line \d+/u);
      expect(asUseful(error).hint).toBeDefined();
      return;
    }
    const texts = bytes
      .toString()
      .split("\n")
      .filter((text) => text.replace(/^\ufeff/u, "").trim() !== "");
    expect(found.map(canonical)).toEqual(texts.map((text) => canonical(JSON.parse(text.replace(/^\ufeff/u, "")))));
  }

  const good = JSON.stringify(row);

  it("is read as it was written", async () => check(await temporaryFolder(), [good, good]));

  it("100,000 levels deep is refused by line", async () => {
    const deep = `${good.slice(0, -1)},"meta":{"x":${nested(100_000)}}}`;
    await check(await temporaryFolder(), [good, deep, nested(100_000)]);
  });

  it("with other values than expected is read exactly, or refused by line", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(changedJson([row]), (bad) => check(folder, [good, bad, good])),
      runs(60),
    );
  });

  it("with damaged bytes is read exactly, or refused by line", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(damagedBytes([good]), (bad) => check(folder, [good, bad, good])),
      runs(60),
    );
  });
});
