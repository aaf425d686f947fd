import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type Check, exitCodeOf } from "../../pipeline/adapters/environment/check.ts";
import { configChecks } from "../../pipeline/commands/doctor.ts";
import { type ScriptedEngine, type ScriptedEngineOptions, startScriptedEngine } from "../helpers/scripted-engine.ts";

const sctir = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sctir-doctor-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let engine: ScriptedEngine | undefined;
afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

const named = (checks: readonly Check[]) => (name: string) => checks.find(({ check }) => check === name);

/** Runs `sctir doctor` in an empty folder. */
async function runDoctor(args: string[], environment: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [sctir, "doctor", ...args], {
    cwd: folder,
    env: environment,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

/** What it says of a config, without the checks of the machine. */
async function lookAt(config: string) {
  const results = await Array.fromAsync(configChecks(config));
  return { find: named(results), exitCode: exitCodeOf(results) };
}

function writeConfig(engineConfig: object, problems: object[] = [{ set: "sample", take: 2 }]): string {
  const path = join(folder, "config.yaml");
  writeFileSync(path, JSON.stringify({ problems, profile: "tir", engine: engineConfig, sampling: { maxTokens: 512 } }));
  return path;
}

async function serverConfig(options: ScriptedEngineOptions = {}, model = "scripted") {
  engine = await startScriptedEngine(() => " 2", options);
  return { kind: "vllm", baseUrl: engine.baseUrl, model };
}

describe("sctir doctor", () => {
  it("finds nothing failed on a machine that is set up", async () => {
    const config = writeConfig(await serverConfig());
    const { exitCode, stdout, stderr } = await runDoctor([config, "--json"]);
    const find = named(JSON.parse(stdout) as Check[]);
    for (const name of [
      "node",
      "python",
      "python packages",
      "results folder",
      "config",
      "problems: sample",
      "engine",
      "programs",
    ]) {
      expect(find(name), name).toMatchObject({ state: "ok" });
    }
    expect(find("sandbox")?.state).not.toBe("failed");
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
  });

  it("fails with 3 and a way out where SCTIR_PYTHON points nowhere", async () => {
    const { exitCode, stdout } = await runDoctor([], { SCTIR_PYTHON: "/nowhere/python3" });
    expect(stdout).toMatch(/^ok {7}node: 24/mu);
    expect(stdout).toMatch(/^failed {3}python: .*\/nowhere\/python3.*\n {9}→ .*SCTIR_PYTHON/mu);
    expect(stdout).toMatch(/1 of \d+ checks failed\.$/u);
    expect(exitCode).toBe(3);
  });
});

describe("sctir doctor CONFIG", () => {
  it("describes the engine, its context length, and that it generates", async () => {
    const { find, exitCode } = await lookAt(writeConfig(await serverConfig({ version: "0.11.0" })));
    expect(find("engine")).toMatchObject({ state: "ok", detail: expect.stringMatching(/0\.11\.0 .* scripted/u) });
    expect(find("context length")).toMatchObject({ state: "ok", detail: expect.stringContaining("8192") });
    expect(find("generation")).toMatchObject({ state: "ok" });
    expect(exitCode).toBe(0);
  });

  it("fails with 3 and the server's message where it starts but cannot generate", async () => {
    const crash = { status: 500, message: "out of resource: shared memory, Required: 81920, Hardware limit: 65536" };
    engine = await startScriptedEngine(() => crash);
    const config = writeConfig({ kind: "vllm", baseUrl: engine.baseUrl, model: "scripted" });
    const { find, exitCode } = await lookAt(config);
    expect(find("generation")).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("Required: 81920"),
      mend: expect.stringContaining("docs/t4.md"),
    });
    expect(engine.log).toHaveLength(1);
    expect(exitCode).toBe(3);
  });

  it("asks nothing of a replay, and says so", async () => {
    const recordings = [fileURLToPath(new URL("../../datasets/sample/recordings.jsonl", import.meta.url))];
    const { find } = await lookAt(writeConfig({ kind: "replay", recordings }));
    expect(find("generation")).toMatchObject({ state: "ok", detail: expect.stringContaining("not asked for") });
  });

  it("fails with 3 where no server listens", async () => {
    const config = await serverConfig();
    await engine?.close();
    const { exitCode, find } = await lookAt(writeConfig(config));
    expect(find("engine")).toMatchObject({ state: "failed", mend: expect.stringContaining("baseUrl") });
    expect(exitCode).toBe(3);
  });

  it("fails where the server has another model, and names the one it has", async () => {
    const { find } = await lookAt(writeConfig(await serverConfig({}, "another")));
    expect(find("engine")).toMatchObject({ state: "failed", detail: expect.stringContaining("scripted") });
  });

  it("warns where one turn can take the whole context", async () => {
    const { find } = await lookAt(writeConfig(await serverConfig({ maxModelLen: 512 })));
    expect(find("context length")).toMatchObject({ state: "warning", mend: expect.stringContaining("maxTokens") });
  });

  it("warns where the server does not tell its context length", async () => {
    const { find } = await lookAt(writeConfig(await serverConfig({ maxModelLen: null })));
    expect(find("context length")).toMatchObject({ state: "warning", mend: expect.stringContaining("maxModelLen") });
  });

  it("fails with 1 for a config that is not there or not valid", async () => {
    const missing = await lookAt(join(folder, "none.yaml"));
    expect(missing.find("config")).toMatchObject({ state: "failed" });
    expect(missing.exitCode).toBe(1);
    const invalid = await lookAt(writeConfig({ kind: "replay", recordings: [] }));
    expect(invalid.find("config")).toMatchObject({ state: "failed", detail: expect.stringContaining("recordings") });
  });

  it("fails with 1 for a problem file that is not there", async () => {
    const config = writeConfig(await serverConfig(), [{ set: "mine", file: "none.jsonl" }]);
    const { find, exitCode } = await lookAt(config);
    expect(find("problems: mine")).toMatchObject({ state: "failed", detail: expect.stringContaining("none.jsonl") });
    expect(exitCode).toBe(1);
  });

  it("fails with 1 for a recording that is not there", async () => {
    const { find, exitCode } = await lookAt(writeConfig({ kind: "replay", recordings: ["none.jsonl"] }));
    expect(find("engine")).toMatchObject({ state: "failed", detail: expect.stringContaining("none.jsonl") });
    expect(exitCode).toBe(1);
  });
});
