import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRunDirectory, readSummary } from "../../pipeline/adapters/run-directory/run-directory.ts";
import {
  type ArtifactFile,
  candidatesFile,
  manifestFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  summaryFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../../pipeline/artifacts/artifact-file.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { runScore } from "../../pipeline/stages/score.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { MemoryStore } from "../helpers/memory-store.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { candidate, candidates, execution, problem, turn } from "../helpers/run-rows.ts";
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
  async function check(folder: string, lines: readonly (string | Buffer)[]): Promise<"read" | "refused"> {
    const path = join(folder, file.name);
    const bytes = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
    await writeFile(path, bytes);
    const found: unknown[] = [];
    try {
      for await (const each of (await openRunDirectory(folder)).rows(file)) found.push(each);
    } catch (error) {
      expect(Number(/line (\d+)/u.exec(asUseful(error, path).message)?.[1])).toBeGreaterThan(1);
      expect(asUseful(error).hint).toBeDefined();
      return "refused";
    }
    const texts = bytes
      .toString()
      .split("\n")
      .filter((text) => text.replace(/^\ufeff/u, "").trim() !== "");
    expect(found.map(canonical)).toEqual(texts.map((text) => canonical(JSON.parse(text.replace(/^\ufeff/u, "")))));
    return "read";
  }

  const good = JSON.stringify(row);

  it("is read as it was written", async () => expect(await check(await temporaryFolder(), [good, good])).toBe("read"));

  it("100,000 levels deep is refused by line", async () => {
    const deep = `${good.slice(0, -1)},"meta":{"x":${nested(100_000)}}}`;
    expect(await check(await temporaryFolder(), [good, deep, nested(100_000)])).toBe("refused");
  });

  it("with other values than expected is read exactly, or refused by line", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(changedJson([row]), async (bad) => void (await check(folder, [good, bad, good]))),
      runs(30),
    );
  });

  it("with damaged bytes is read exactly, or refused by line", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(damagedBytes([good]), async (bad) => void (await check(folder, [good, bad, good]))),
      runs(30),
    );
  });
});

const vote = { rule: "majority", ties: "first-seen", fallback: null } as const;
const setting = { slots: 4, depth: 4, afterAnswer: "stop" } as const;

const manifest = {
  formatVersion: 1,
  runId: "a-run",
  createdAt: "2024-06-27T12:00:00.000Z",
  tool: { version: "0.1.0", commit: null },
  config: runConfigSchema.parse({
    problems: [{ set: "own", file: "/data/own.jsonl", where: { level: "5" }, sample: { size: 3, seed: 1 } }],
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m" },
    answer: "integer",
  }),
  configHash: "0",
  profile: profileNamed("tir"),
  datasets: [{ set: "own", file: "/data/own.jsonl", sha256: "0", rows: 3 }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m", serverVersion: "1", maxModelLen: 4096 },
  sandbox: { python: "3.12", packages: { numpy: "2" }, isolation: "limits" },
  state: "interrupted",
  stages: { load: { problems: 3, seconds: 0.1 } },
};

async function summary(): Promise<object> {
  const store = new MemoryStore()
    .with(selectedFile, [problem("set/a", "7")])
    .with(candidatesFile, candidates("set/a", ["7", "8", undefined]));
  await runVote(store, vote);
  return runScore(store, { policy: { policy: "integer" }, vote, runId: "a-run", setting });
}

/** As it stands in the file, or an error that names it. */
async function checkDocument(
  path: string,
  bytes: string | Buffer,
  read: () => Promise<unknown>,
): Promise<"read" | "refused"> {
  await writeFile(path, bytes);
  let found: unknown;
  try {
    found = await read();
  } catch (error) {
    asUseful(error, path);
    return "refused";
  }
  expect(canonical(found)).toBe(canonical(JSON.parse(bytes.toString())));
  return "read";
}

describe("manifest.json", () => {
  const valid = JSON.stringify(manifest);
  const read = async (folder: string) => (await openRunDirectory(folder)).readManifest();

  it("is read as it stands there, or refused", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, manifestFile);
    expect(await checkDocument(path, valid, () => read(folder))).toBe("read");
    const other = fc.oneof(changedJson([manifest]), damagedBytes([valid]));
    await fc.assert(
      fc.asyncProperty(other, async (bytes) => void (await checkDocument(path, bytes, () => read(folder)))),
      runs(75, 2),
    );
  });
});

describe("summary.json", () => {
  it("is read as it stands there, or refused", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, summaryFile);
    const value = await summary();
    expect(await checkDocument(path, JSON.stringify(value), () => readSummary(folder))).toBe("read");
    const other = fc.oneof(changedJson([value]), damagedBytes([JSON.stringify(value)]));
    await fc.assert(
      fc.asyncProperty(other, async (bytes) => void (await checkDocument(path, bytes, () => readSummary(folder)))),
      runs(75, 2),
    );
  });
});
