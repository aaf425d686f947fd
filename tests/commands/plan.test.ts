import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { turn } from "../helpers/run-rows.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const model = {
  ...{ num_hidden_layers: 30, num_attention_heads: 32, hidden_size: 4096, intermediate_size: 11008 },
  ...{ vocab_size: 102400, torch_dtype: "bfloat16", quantization_config: { quant_method: "gptq", bits: 8 } },
};

/** A folder with a config over a set of two integer problems and one other, and with a model's config.json. */
async function folderWith(keys: object = {}, modelConfig: unknown = model): Promise<string> {
  const folder = await temporaryFolder();
  const problems = ["4", "1/2", "7"].map((answer, id) => JSON.stringify({ id: `${id}`, problem: `p${id}`, answer }));
  await writeFile(join(folder, "problems.jsonl"), `${problems.join("\n")}\n`);
  await writeFile(join(folder, "config.json"), JSON.stringify(modelConfig));
  const engine = { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "m" };
  const config = { problems: [{ set: "mine", file: "problems.jsonl" }], profile: "tir", engine, ...keys };
  await writeFile(join(folder, "run.yaml"), JSON.stringify(config));
  return folder;
}

async function planIn(folder: string, ...args: string[]) {
  const ended = await sctir(["plan", "run.yaml", ...args, "--json"], { cwd: folder });
  expect(ended.stderr).toBe("");
  return { ...ended, plan: JSON.parse(ended.stdout) };
}

describe("sctir plan", () => {
  it("plans a model's config.json on two T4: memory, speed and time, with no engine at hand", async () => {
    const { plan, exitCode } = await planIn(await folderWith(), "--model-config", ".", "--gpu", "t4", "--gpus", "2");
    expect(exitCode).toBe(0);
    expect(plan).toMatchObject({ kvBytesPerToken: 491_520, sets: [{ set: "mine", problems: 2, from: "file" }] });
    expect(plan.kvTokens).toBeGreaterThan(37_500);
    expect(plan.kvTokens).toBeLessThan(38_500);
    expect(plan.expected.speed.runSeconds.high).toBeGreaterThan(plan.expected.speed.runSeconds.low);
    expect(plan.warnings).toContainEqual(expect.objectContaining({ finding: expect.stringContaining("bfloat16") }));
  });

  it("prints the same as a page, with what to do next", async () => {
    const args = ["plan", "run.yaml", "--card", "t4x2-deepseekmath-7b-gptq8"];
    const { stdout, exitCode } = await sctir(args, { cwd: await folderWith({ budget: { problemSeconds: 600 } }) });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/38,096 tokens of 491,520 bytes, over 2 GPUs/u);
    expect(stdout).toMatch(/^tokens per second +\d+ – \d+ +\d+ – \d+$/mu);
    expect(stdout).toMatch(/^candidates within problemSeconds 600 /mu);
    expect(stdout).toMatch(/scripts\/serve-t4\.sh MODEL .*\n {2}sctir doctor run\.yaml$/u);
  });

  it("ends with 1 where nothing fits, and says what would", async () => {
    const args = ["plan", "run.yaml", "--model-config", "config.json", "--weights-bits", "16"];
    const { stdout, exitCode } = await sctir(args, { cwd: await folderWith() });
    expect(stdout).toMatch(/does not fit.*\n.*fewer bits.*more GPUs/u);
    expect(exitCode).toBe(1);
  });

  it("plans the engine that a config emulates, without being told", async () => {
    const engine = { kind: "replay", recordings: ["problems.jsonl"], timing: { card: "t4-qwen25-math-7b-awq4" } };
    const { plan } = await planIn(await folderWith({ engine }));
    expect(plan).toMatchObject({ card: { name: "t4-qwen25-math-7b-awq4" }, maxModelLen: 4096 });
  });

  it("plans the model that a config names, where its folder is here", async () => {
    const engine = { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "." };
    const { plan } = await planIn(await folderWith({ engine }), "--gpus", "2");
    expect(plan.kvBytesPerToken).toBe(491_520);
  });

  it("takes an earlier run's lengths", async () => {
    const folder = await folderWith();
    const rows = [turn("mine/0", 0, "", { tokens: { prompt: 77, completion: 123 } })];
    await writeFile(join(folder, "turns.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const { plan } = await planIn(folder, "--card", "t4-qwen25-math-7b-awq4", "--like", ".", "--turns", "2");
    expect(plan.expected.length).toEqual({ promptTokens: 77, turns: 2, tokensPerTurn: 123, outputTokens: 0 });
    expect(plan.lengthFrom).toContain("measured on 1 candidates");
  });

  it("takes the number of problems from a set's card where its file is not here", async () => {
    const folder = await folderWith({ problems: [{ set: "aime", take: 20 }, { set: "math-level-5" }] });
    const { stdout } = await sctir(["plan", "run.yaml", "--card", "h100-deepseekmath-7b-fp16", "--json"], {
      cwd: folder,
      env: { SCTIR_DATA: folder, SCTIR_CACHE: folder },
    });
    expect(JSON.parse(stdout).sets).toEqual([
      { set: "aime", problems: 20, from: "card" },
      { set: "math-level-5", problems: 721, from: "card" },
    ]);
  });

  it.each([
    ["neither card nor model", [], /exactly one of --card and --model-config[\s\S]*t4x2-deepseekmath-7b-gptq8/u],
    [
      "both",
      ["--card", "h100-deepseekmath-7b-fp16", "--model-config", "."],
      /exactly one of --card and --model-config/u,
    ],
    ["a card and other GPUs", ["--card", "t4-qwen25-math-7b-awq4", "--gpus", "2"], /--gpus.*go with --model-config/u],
    ["a card that is not there", ["--card", "t4x2"], /There is no engine card t4x2/u],
    ["a GPU that is not there", ["--model-config", "config.json", "--gpu", "t5"], /no GPU t5[\s\S]*Did you mean t4/u],
    ["no model config", ["--model-config", "none.json"], /none\.json: no such file/u],
    ["another file", ["--model-config", "problems.jsonl"], /problems\.jsonl/u],
    ["a config.json without a shape", ["--model-config", "run.yaml"], /num_hidden_layers/u],
    ["half a GPU", ["--model-config", "config.json", "--gpus", "0.5"], /--gpus: expected/u],
    ["no number", ["--model-config", "config.json", "--weights-bits", "many"], /--weights-bits: expected/u],
    ["a run without turns", ["--card", "t4-qwen25-math-7b-awq4", "--like", "."], /turns\.jsonl is missing/u],
  ])("with %s says so, and no stack", async (_, args, expected) => {
    const { stderr, stdout, exitCode } = await sctir(["plan", "run.yaml", ...args], { cwd: await folderWith() });
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/\n {4}at /u);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });
});
