import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { configHash, differingKeys, loadProfile, loadRunConfig } from "../../pipeline/commands/run-config-file.ts";

const minimal = {
  problems: [{ set: "aime" }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m" },
};

function configFile(value: unknown): string {
  const path = join(mkdtempSync(join(tmpdir(), "sctir-config-")), "config.yaml");
  writeFileSync(path, typeof value === "string" ? value : stringify(value));
  return path;
}

const configs = fileURLToPath(new URL("../../configs", import.meta.url));

describe("loadRunConfig", () => {
  it.each(readdirSync(configs))("accepts configs/%s", async (name) => {
    await expect(loadRunConfig(join(configs, name))).resolves.toBeDefined();
  });

  it("fills in the defaults, and what the profile says", async () => {
    const { config } = await loadRunConfig(configFile(minimal));
    expect(config).toMatchObject({
      strategy: "sc-tir",
      profile: "numina-tir",
      sampling: { width: 48, depth: 4, temperature: 0.8, topP: 1, maxTokens: 2048, seed: 42, replicates: 1 },
      python: { timeoutSeconds: 5, memoryMiB: 1024, outputCharacters: 200, state: "stateless" },
      answer: { policy: "modulo", modulus: 1000 },
      vote: { rule: "majority", ties: "first-seen", fallback: null },
      schedule: { mode: "throughput", concurrency: 64, order: "given" },
    });
  });

  it("takes the answer policy in each of its spellings", async () => {
    const policy = async (answer: unknown) => (await loadRunConfig(configFile({ ...minimal, answer }))).config.answer;
    expect(await policy("integer")).toEqual({ policy: "integer" });
    expect(await policy({ policy: "integer" })).toEqual({ policy: "integer" });
    expect(await policy({ policy: "modulo", modulus: 7 })).toEqual({ policy: "modulo", modulus: 7 });
    expect(await policy({ policy: { policy: "range", min: 0, max: 9 } })).toEqual({ policy: "range", min: 0, max: 9 });
  });

  it("suggests the nearest name for an unknown key, at any depth", async () => {
    await expect(loadRunConfig(configFile({ ...minimal, profil: "tir" }))).rejects.toThrow(
      /profil: unknown key, did you mean profile\?/u,
    );
    await expect(loadRunConfig(configFile({ ...minimal, sampling: { widht: 8 } }))).rejects.toThrow(
      /sampling\.widht: unknown key, did you mean width\?/u,
    );
    await expect(
      loadRunConfig(configFile({ ...minimal, engine: { ...minimal.engine, baseurl: "x" } })),
    ).rejects.toThrow(/engine\.baseurl: unknown key, did you mean baseUrl\?/u);
  });

  it("names the field and what was expected for a wrong type", async () => {
    await expect(loadRunConfig(configFile({ ...minimal, sampling: { width: "many" } }))).rejects.toThrow(
      /sampling\.width: .*number/u,
    );
    await expect(loadRunConfig(configFile({ ...minimal, problems: [] }))).rejects.toThrow(/problems: /u);
  });

  it("names file, line and column for broken YAML, and a missing file", async () => {
    await expect(loadRunConfig(configFile("problems: [\n  set: aime"))).rejects.toThrow(/config\.yaml: .*line \d+/u);
    await expect(loadRunConfig("/nowhere/config.yaml")).rejects.toThrow(/no such file/u);
  });

  it("applies overrides as YAML values", async () => {
    const { config } = await loadRunConfig(configFile(minimal), [
      "sampling.width=8",
      "problems.0.take=5",
      "engine.model=other",
    ]);
    expect(config.sampling.width).toBe(8);
    expect(config.problems[0]?.take).toBe(5);
    expect(config.engine.model).toBe("other");
    await expect(loadRunConfig(configFile(minimal), ["width"])).rejects.toThrow(/expected key=value/u);
  });

  it("resolves paths from the config's folder", async () => {
    const path = configFile({ ...minimal, problems: [{ set: "mine", file: "data/mine.csv" }] });
    const { config } = await loadRunConfig(path);
    expect(config.problems[0]?.file).toBe(join(path, "../data/mine.csv"));
  });

  it("wants one of baseUrl and baseUrls", async () => {
    await expect(loadRunConfig(configFile({ ...minimal, engine: { kind: "vllm", model: "m" } }))).rejects.toThrow(
      /exactly one/u,
    );
  });
});

describe("profiles", () => {
  it("all parse, and an unknown one is met with a suggestion", async () => {
    for (const name of ["numina-tir", "tir", "tora", "qwen25-math-tir", "deepseek-math-tir", "cot"]) {
      expect((await loadProfile(name)).name).toBe(name);
    }
    await expect(loadProfile("numina-tri")).rejects.toMatchObject({ hint: expect.stringContaining("numina-tir") });
  });
});

describe("comparing configs", () => {
  it("names the keys that differ, and lets those change that cannot change an answer", async () => {
    const { config } = await loadRunConfig(configFile(minimal));
    const moved = { ...config, engine: { ...config.engine, baseUrl: "http://127.0.0.1:9000/v1" } } as typeof config;
    expect(differingKeys(config, moved)).toEqual([]);
    expect(configHash(moved)).toBe(configHash(config));
    const wider = { ...config, sampling: { ...config.sampling, width: 8, seed: 1 } };
    expect(differingKeys(config, wider)).toEqual(["sampling.seed", "sampling.width"]);
    expect(configHash(wider)).not.toBe(configHash(config));
  });
});
