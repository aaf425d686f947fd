import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { dataFolder, dataRows, hasDataFolder } from "../helpers/data-folder.ts";
import { comparable, jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** Recorded traces through the whole pipeline, their programs really executed. */

const project = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** A shipped config over the data folder of these tests, wherever it is. */
function shippedConfig(name: string, folder: string): string {
  const config = readFileSync(project(`configs/${name}.yaml`), "utf8").replaceAll("../../shared/data", dataFolder);
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, stringify(parse(config)));
  return path;
}

interface SampleRow {
  id: string;
  sample: number;
  text: string;
}
const samples = readFileSync(project("datasets/sample/recordings.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as SampleRow);

describe("the sample set", () => {
  it("comes out as it was recorded: outputs, answers and the close votes", async () => {
    const out = join(await temporaryFolder(), "run");
    expect(await sctir(["run", project("configs/replay.yaml"), "--out", out])).toMatchObject({ exitCode: 0 });
    const { sets } = jsonOf(out, "summary.json") as { sets: Record<string, unknown> };
    expect(sets.sample).toMatchObject({
      problems: 24,
      accuracy: { estimate: 0.75 },
      passAt: { "8": { estimate: 22 / 24 } },
    });
    const votes = new Map(rowsOf(out, "votes.jsonl").map((row) => [row.problemId, row]));
    expect(votes.get("sample/sample-07")).toMatchObject({ answer: "611692004959217280" }); // not a double
    expect(votes.get("sample/sample-21")).toMatchObject({ answer: "-19" });

    const turns = rowsOf(out, "turns.jsonl");
    const recorded = new Map(samples.map(({ id, sample, text }) => [`sample/${id}:${sample}`, text]));
    const executions = turns.filter(({ execution, turn }) => execution !== undefined && turn === 0);
    expect(executions.length).toBeGreaterThan(120);
    for (const { problemId, candidate, execution } of executions) {
      const [, after = ""] = recorded.get(`${problemId}:${candidate}`)?.split("```output\n") ?? [];
      const output = (execution as { output: string }).output;
      expect(after.startsWith(`${output}\n\`\`\``), `${problemId}:${candidate}\n${output}`).toBe(true);
    }
  });

  it("is reproduced from the journal of an earlier run", async () => {
    const folder = await temporaryFolder();
    const args = ["run", project("configs/replay.yaml"), "--set", "problems.0.take=4", "--set", "sampling.width=4"];
    await sctir([...args, "--out", join(folder, "first")]);
    const replayed = { kind: "replay", recordings: [join(folder, "first/turns.jsonl")] };
    await sctir([...args, "--out", join(folder, "second"), "--set", `engine=${JSON.stringify(replayed)}`]);
    for (const file of ["candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(join(folder, "second"), file), file).toEqual(comparable(join(folder, "first"), file));
    }
    expect(rowsOf(join(folder, "second"), "candidates.jsonl")).toHaveLength(16);
  });

  it("solves a recorded problem under every strategy and profile that fits its format", async () => {
    const folder = await temporaryFolder();
    const run = async (...set: string[]) => {
      const out = join(folder, set.join("-").replaceAll(/[^a-z0-9]/gu, "-"));
      const args = set.flatMap((pair) => ["--set", pair]);
      const base = ["run", project("configs/replay.yaml"), "--set", "problems.0.take=1", "--out", out];
      expect(await sctir([...base, ...args]), set.join()).toMatchObject({ exitCode: 0 });
      return rowsOf(out, "votes.jsonl")[0]?.answer;
    };
    expect(await run("profile=numina-tir")).toBe("351");
    expect(await run("strategy=cot", "profile=cot")).toBe("351");
    expect(await run("python.state=session")).toBe("351");
    expect(await run("strategy=single-step")).not.toBeNull();
  });
});

describe.skipIf(!hasDataFolder)("real recordings", () => {
  it("a tiny model's SC-TIR run gives every candidate its recorded answer", async () => {
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const config = shippedConfig("replay-tiny", folder);
    expect(await sctir(["run", config, "--out", out, "--set", "problems.0.take=25"])).toMatchObject({ exitCode: 0 });
    interface Row {
      id: string;
      sample: number;
      predicted: string | null;
    }
    const recorded = dataRows<Row>("recordings/tiny-tir-test200x8.jsonl");
    const expected = new Map(recorded.map(({ id, sample, predicted }) => [`tiny/${id}:${sample}`, predicted]));
    const candidates = rowsOf(out, "candidates.jsonl");
    expect(candidates).toHaveLength(200);
    for (const { problemId, candidate, answer } of candidates) {
      expect(answer ?? null, `${problemId}:${candidate}`).toBe(expected.get(`${problemId}:${candidate}`));
    }
  });

  it("ToRA's published traces are as right as published", async () => {
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const config = shippedConfig("replay-tora-gsm8k-70b", folder);
    expect(await sctir(["run", config, "--out", out, "--set", "problems.0.take=120"])).toMatchObject({ exitCode: 0 });
    interface Row {
      id: number;
      model: string;
      correct: boolean;
    }
    const recorded = dataRows<Row>("recordings/tora-gsm8k-tir.jsonl").filter(({ model }) => model === "tora-70b-v1.0");
    const published = new Map(recorded.map(({ id, correct }) => [`gsm8k/${id}`, correct]));
    const verdicts = rowsOf(out, "verdicts.jsonl");
    const agreeing = verdicts.filter(({ problemId, correct }) => published.get(String(problemId)) === correct);
    expect(verdicts).toHaveLength(120);
    expect(agreeing.length).toBeGreaterThanOrEqual(0.98 * 120 - 1); // three of the nine rows that differ are among them
  });
});
