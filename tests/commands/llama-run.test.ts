import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { childrenOf, nameOf } from "../helpers/child-processes.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { type SmallModel, writeSmallGguf } from "../helpers/small-gguf.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** A folder with a random model, three problems and a config of five candidates and two turns each. */
async function workplace(model: SmallModel = {}): Promise<{ folder: string; config: string; model: string }> {
  const folder = await temporaryFolder();
  const rows = ["6 * 7", "17 mod 5", "3 + 4"].map((statement, id) => ({ id: `p${id}`, statement, answer: `${id}` }));
  writeFileSync(join(folder, "problems.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const config = join(folder, "run.json");
  const written = {
    problems: [{ set: "mine", file: "problems.jsonl", fields: { id: "id", statement: "statement", gold: "answer" } }],
    engine: { kind: "llama", model: "small.gguf", sequences: 8 },
    profile: "numina-tir",
    sampling: { width: 5, depth: 2, maxTokens: 60 },
    schedule: { concurrency: 6 },
  };
  writeFileSync(config, JSON.stringify(written));
  return { folder, config, model: writeSmallGguf(join(folder, "small.gguf"), model) };
}

/** What the model wrote, by candidate and turn. */
function turnsOf(run: string): unknown[] {
  const rows = readFileSync(join(run, "turns.jsonl"), "utf8").trim().split("\n");
  type Row = Record<"problemId" | "candidate" | "turn" | "seed" | "text" | "finish", unknown> & {
    tokens: { prompt: number; completion: number };
  };
  return rows
    .map((line) => JSON.parse(line) as Row)
    .map(({ problemId, candidate, turn, seed, text, finish, tokens: { prompt, completion } }) =>
      JSON.stringify({ problemId, candidate, turn, seed, text, finish, prompt, completion }),
    )
    .toSorted();
}

describe("a run on an embedded model", () => {
  it("comes out the same whatever the concurrency and however often it was killed", async () => {
    const { folder, config, model } = await workplace();
    const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
    const ended = await sctir(["run", config, "--out", whole]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("small at the embedded llama engine") });
    const manifest = JSON.parse(readFileSync(join(whole, "manifest.json"), "utf8"));
    expect(manifest.engine).toEqual({
      ...{ kind: "llama", model: "small", maxModelLen: 512 },
      serverVersion: expect.stringMatching(/^node-llama-cpp \d/u),
      file: { path: model, sha256: expect.stringMatching(/^[0-9a-f]{64}$/u), quantization: "F32" },
      compute: { backend: "cpu", gpuLayers: 0, layers: 3, devices: [] },
    });
    const turns = turnsOf(whole);
    expect(turns.length).toBeGreaterThanOrEqual(15);

    for (let kill = 1; kill <= 2; kill += 1) {
      const run = startSctir(["run", config, "--out", killed, "--set", "schedule.concurrency=3"]);
      const journal = join(killed, "turns.jsonl");
      const lines = () => (existsSync(journal) ? readFileSync(journal, "utf8").split("\n").length - 1 : 0);
      while (lines() < 4 * kill) await new Promise((resolve) => setTimeout(resolve, 5));
      run.kill("SIGKILL");
      await run;
    }
    const resumed = await sctir(["run", config, "--out", killed, "--set", "engine.sequences=4"]);
    expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("going on after") });
    expect(turnsOf(killed)).toEqual(turns);
    for (const file of ["votes.jsonl", "verdicts.jsonl"]) {
      expect(readFileSync(join(killed, file), "utf8")).toBe(readFileSync(join(whole, file), "utf8"));
    }
    const status = await sctir(["status", whole]);
    expect(status.stdout).toContain("small.gguf (F32, sha256 ");
  });

  it.skipIf(process.platform !== "linux")("starts the engine anew when its process ends", async () => {
    const { folder, config } = await workplace();
    const [whole, shaken] = [join(folder, "whole"), join(folder, "shaken")];
    await sctir(["run", config, "--out", whole]);
    const run = startSctir(["run", config, "--out", shaken]);
    const journal = join(shaken, "turns.jsonl");
    while (!existsSync(journal) || readFileSync(journal).length === 0) await new Promise((next) => setTimeout(next, 5));
    const engines = childrenOf(run.pid ?? 0).filter((pid) => nameOf(pid) === "sctir llama");
    expect(engines).toHaveLength(1);
    for (const pid of engines) process.kill(pid, "SIGKILL");
    expect(await run).toMatchObject({ exitCode: 0 });
    expect(turnsOf(shaken)).toEqual(turnsOf(whole));
  });

  it("does not go on with another model, at the same path or at another one", async () => {
    const { folder, config } = await workplace();
    const out = join(folder, "run");
    const run = startSctir(["run", config, "--out", out]);
    const journal = join(out, "turns.jsonl");
    while (!existsSync(journal) || readFileSync(journal).length === 0) await new Promise((next) => setTimeout(next, 5));
    run.kill("SIGKILL");
    await run;
    writeSmallGguf(join(folder, "other.gguf"), { seed: 2 });
    const elsewhere = await sctir(["run", config, "--out", out, "--set", "engine.model=other.gguf"]);
    expect(elsewhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("engine.model") });
    writeSmallGguf(join(folder, "small.gguf"), { seed: 2 });
    const replaced = await sctir(["run", config, "--out", out]);
    expect(replaced).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("is not the model that this run began with"),
    });
  });

  it("is checked by doctor, generation included", async () => {
    const { config } = await workplace();
    const { stdout } = await sctir(["doctor", config]);
    expect(stdout).toMatch(/ok +engine: llama node-llama-cpp \S+ has the model small, F32, sha256 /u);
    expect(stdout).toMatch(/ok +generation: \d+ tokens/u);
    expect(stdout).toMatch(/ok +stop string/u);
    expect(stdout).toMatch(/ok +seed: the same seed gives the same text/u);
  });

  it("is planned: what the model is, how it is run, and what memory that takes", async () => {
    const { config, model } = await workplace();
    const { exitCode, stdout } = await sctir(["plan", config, "--json"]);
    expect({ exitCode, plan: JSON.parse(stdout) }).toMatchObject({
      exitCode: 0,
      plan: {
        model: { path: model, architecture: "llama", quantization: "F32", contextLength: 512, hasChatTemplate: false },
        settings: { maxModelLen: 512, sequences: 8, threads: 1 },
        ...{ problems: 3, candidates: 15 },
      },
    });
    expect((await sctir(["plan", config])).stdout).toMatch(/texts at a time +8\n/u);
  });

  it("is reached directly, also where Node is told to use a proxy", async () => {
    const { folder, config } = await workplace();
    const env = { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://127.0.0.1:9" };
    expect(await sctir(["run", config, "--out", join(folder, "run")], { env })).toMatchObject({ exitCode: 0 });
  });

  it("solves one problem", async () => {
    const { config } = await workplace();
    const { exitCode, stdout } = await sctir(["solve", "What is 6 * 7?", config, "--json"]);
    expect({ exitCode, answer: JSON.parse(stdout) }).toMatchObject({
      exitCode: 0,
      answer: { candidates: { length: 5 } },
    });
  });
});

describe("a model that cannot be run", () => {
  it.each<[string, SmallModel, string[], number, RegExp]>([
    ["has an unknown pre-tokenizer", { preTokenizer: "martian" }, [], 2, /pre-tokenizer martian is not known/u],
    [
      "has an unknown architecture",
      { architecture: "perceptron" },
      [],
      2,
      /does not know the architecture perceptron/u,
    ],
    ["has no chat template", {}, ["engine.transport=chat"], 2, /no chat template/u],
    ["has a smaller context", {}, ["engine.maxModelLen=1024"], 2, /context of 512 tokens/u],
    ["does not fit into the memory", {}, ["engine.sequences=1024", "engine.maxModelLen=500000"], 2, /needs about/u],
    ["is not there", {}, ["engine.model=gone.gguf"], 2, /no file .*gone\.gguf/u],
    ["is a folder", {}, ["engine.model=."], 2, /is a folder/u],
    ["is another kind of file", {}, ["engine.model=run.json"], 2, /not a GGUF file/u],
    ["leaves no room for a problem", {}, ["engine.maxModelLen=32"], 2, /no room/u],
  ])("because it %s is an error before the run starts", async (_, model, set, exitCode, message) => {
    const options = set.includes("engine.maxModelLen=500000") ? { contextLength: 1e6 } : {};
    const { config, folder } = await workplace({ ...model, ...options });
    const overrides = set.flatMap((each) => ["--set", each]);
    const ended = await sctir(["run", config, "--out", join(folder, "run"), ...overrides]);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/\n {4}at /u);
    expect(ended.exitCode).toBe(exitCode);
    expect(
      existsSync(join(folder, "run", "turns.jsonl")) && readFileSync(join(folder, "run", "turns.jsonl"), "utf8"),
    ).toBeFalsy();
  });

  it("because its tensors are cut off is an error before the run starts", async () => {
    const { config, folder, model } = await workplace();
    truncateSync(model, readFileSync(model).length - 50_000);
    const { exitCode, stderr } = await sctir(["run", config, "--out", join(folder, "run")]);
    expect(stderr).toMatch(/cut off: tensors are missing/u);
    expect(exitCode).toBe(2);
  });
});
