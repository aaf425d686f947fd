import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";

/** Runs on the time of an emulated engine, through the command line. */

const config = fileURLToPath(new URL("../../configs/replay.yaml", import.meta.url));
const size = ["--set", "problems.0.take=4", "--set", "sampling.width=4", "--set", "schedule.concurrency=7"];
const card = "t4x2-deepseekmath-7b-gptq8";

let folder = "";
const emulated = (python: string, recordings = join(folder, "measured")) => [
  "--set",
  `engine=${JSON.stringify({ kind: "replay", recordings: [recordings], timing: { card, python } })}`,
];

async function run(name: string, ...more: string[]) {
  const out = join(folder, name);
  const ended = await sctir(["run", config, "--out", out, ...size, ...more]);
  return { out, ...ended };
}

const artifacts = ["turns.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"];
const bytes = (out: string) => artifacts.map((file) => readFileSync(join(out, file), "utf8"));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sctir-emulated-"));
  await run("measured", "--set", `engine.timing.card=${card}`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run on an emulated engine", () => {
  it("takes the time of that engine and of the programs that were really run", () => {
    const turns = rowsOf(join(folder, "measured"), "turns.jsonl");
    expect(turns.length).toBeGreaterThan(20);
    for (const { milliseconds, tokens, startedAt } of turns) {
      const { completion } = tokens as { completion: number };
      expect(milliseconds).toBeGreaterThan(20 * completion); // no T4 is faster, nor much slower
      expect(milliseconds).toBeLessThan(1000 + 100 * completion);
      expect(startedAt).toBeGreaterThanOrEqual(0);
    }
    const { stages } = jsonOf(join(folder, "measured"), "manifest.json") as {
      stages: { generate: { seconds: number } };
    };
    const ends = turns.map(({ startedAt, milliseconds }) => Number(startedAt) + Number(milliseconds));
    expect(1000 * stages.generate.seconds).toBeGreaterThanOrEqual(Math.max(...ends) - 1);
  });

  it("comes out the same to the byte, times included, where programs are recorded too", async () => {
    const first = await run("first", ...emulated("recorded"));
    expect(first).toMatchObject({ exitCode: 0 });
    const second = await run("second", ...emulated("recorded"));
    expect(bytes(second.out)).toEqual(bytes(first.out));
    const recorded = rowsOf(join(folder, "measured"), "votes.jsonl");
    expect(rowsOf(first.out, "votes.jsonl")).toEqual(recorded);
  });

  it("goes on with its own time when it is resumed", async () => {
    const whole = await run("whole-run", ...emulated("recorded"));
    const out = join(folder, "resumed");
    await cp(whole.out, out, { recursive: true });
    for (const file of [...artifacts.slice(1), "summary.json"]) rmSync(join(out, file));
    const { stages, ...manifest } = jsonOf(out, "manifest.json") as { stages: Record<string, object> };
    const { load, filter } = stages;
    writeFileSync(
      join(out, "manifest.json"),
      JSON.stringify({ ...manifest, state: "running", stages: { load, filter } }),
    );
    const lines = readFileSync(join(out, "turns.jsonl"), "utf8").split("\n");
    writeFileSync(
      join(out, "turns.jsonl"),
      lines
        .slice(0, 12)
        .map((line) => `${line}\n`)
        .join(""),
    );

    expect(await run("resumed", ...emulated("recorded"))).toMatchObject({ exitCode: 0 });
    expect(rowsOf(out, "votes.jsonl")).toEqual(rowsOf(whole.out, "votes.jsonl"));
    const starts = rowsOf(out, "turns.jsonl").map(({ startedAt }) => Number(startedAt));
    expect(starts.length).toBe(rowsOf(whole.out, "turns.jsonl").length);
    expect(Math.min(...starts.slice(12))).toBeGreaterThan(Math.max(...starts.slice(0, 12)));
  });

  it("comes out the same where budgets cut it off", async () => {
    const budget = ["--set", "budget={problemSeconds: 9, totalSeconds: 20}", "--set", "schedule.mode=exam"];
    const first = await run("cut-1", ...emulated("recorded"), ...budget);
    const second = await run("cut-2", ...emulated("recorded"), ...budget);
    expect(bytes(second.out)).toEqual(bytes(first.out));
    const outcomes = rowsOf(first.out, "candidates.jsonl").map(({ outcome }) => outcome);
    expect(outcomes).toContain("budget");
    expect(outcomes).toContain("answered");
  });

  it("needs a card that is there, by name or by path", async () => {
    const unknown = await run("unknown", "--set", "engine.timing.card=t4x2-deepseekmath-7b-gptq9");
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stderr).toContain(`Did you mean ${card}?`);
    const own = await run("own", ...emulated("recorded"), "--set", `engine.timing.card=../engines/${card}.yaml`);
    expect(own).toMatchObject({ exitCode: 0 });
  });

  it("needs a cache that holds a whole context, as vLLM does", async () => {
    const path = join(folder, "large.yaml");
    const shipped = readFileSync(fileURLToPath(new URL(`../../engines/${card}.yaml`, import.meta.url)), "utf8");
    writeFileSync(path, shipped.replace(/^maxModelLen: .*$/mu, "maxModelLen: 1000000"));
    const ended = await run("large", ...emulated("recorded"), "--set", `engine.timing.card=${path}`);
    expect(ended).toMatchObject({ exitCode: 2 });
    expect(ended.stderr).toContain("less than its context of 1000000");
  });

  it("comes to the same answers on a real clock", async () => {
    const fast = ["--set", "engine.timing.clock={speedUp: 5000}", "--set", "problems.0.take=2"];
    const { out } = await run("real", ...emulated("recorded"), ...fast);
    const recorded = rowsOf(join(folder, "measured"), "votes.jsonl");
    expect(rowsOf(out, "votes.jsonl").map(({ problemId, answer }) => [problemId, answer])).toEqual(
      recorded.slice(0, 2).map(({ problemId, answer }) => [problemId, answer]),
    );
  });

  it("says so where the programs of whole traces are to be taken as recorded", async () => {
    const whole = fileURLToPath(new URL("../../datasets/sample/recordings.jsonl", import.meta.url));
    const ended = await run("whole", ...emulated("recorded", whole));
    expect(ended).toMatchObject({ exitCode: 2 });
    expect(ended.stderr).toContain("No recorded run has executed this program");
  });
});
