import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { findGpu } from "../../pipeline/adapters/llama-engine/gpu.ts";
import { addonWith, checkoutWith, wantedVersion } from "../adapters/llama-engine/checkout.ts";
import { serveModel } from "../adapters/llama-engine/llama-fixture.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { writeSmallGguf } from "../helpers/small-gguf.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const tinyModel = fileURLToPath(new URL("../../models/tiny-tir.gguf", import.meta.url));

/** A folder with a config whose engine computes on a GPU. */
async function workplace(engine: object = {}): Promise<{ config: string; out: string }> {
  const folder = await temporaryFolder();
  const rows = ["6 * 7", "17 mod 5"].map((statement, id) => ({ id: `p${id}`, problem: statement, answer: `${id}` }));
  writeFileSync(join(folder, "problems.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeSmallGguf(join(folder, "small.gguf"));
  const config = join(folder, "run.json");
  const written = {
    problems: [{ set: "mine", file: "problems.jsonl" }],
    engine: { kind: "llama", model: "small.gguf", sequences: 4, gpuLayers: "all", ...engine },
    profile: "tir",
    sampling: { width: 2, depth: 2, maxTokens: 40 },
  };
  writeFileSync(config, JSON.stringify(written));
  return { config, out: join(folder, "run") };
}

describe("engine.gpuLayers", () => {
  it("excludes a promise that only the processor keeps", async () => {
    const { config, out } = await workplace({ repeatable: true });
    const { exitCode, stderr } = await sctir(["run", config, "--out", out]);
    expect(stderr).toMatch(/engine\.repeatable: true is only for the processor: .*engine\.gpuLayers to 0/u);
    expect(exitCode).toBe(2);
  });

  it("cannot change on resume, nor can what it computes with", async () => {
    const { config, out } = await workplace({ gpuLayers: 0 });
    expect(await sctir(["run", config, "--out", out])).toMatchObject({ exitCode: 0 });
    const manifest = jsonOf(out, "manifest.json") as { engine: object; stages: { generate: object } };
    expect(manifest).toMatchObject({
      config: { engine: { gpuLayers: 0, repeatable: true } },
      engine: { compute: { backend: "cpu", gpuLayers: 0, layers: 3, devices: [] } },
    });
    const other = await sctir(["run", config, "--out", out, "--set", "engine.gpuLayers=1"]);
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("engine.gpuLayers") });

    const compute = { backend: "vulkan", gpuLayers: 3, layers: 3, devices: ["Some GPU"] };
    const { complete: _, ...generate } = manifest.stages.generate as { complete: number };
    const interrupted = {
      ...{ ...manifest, state: "interrupted", engine: { ...manifest.engine, compute } },
      stages: { ...manifest.stages, generate },
    };
    writeFileSync(join(out, "manifest.json"), JSON.stringify(interrupted));
    const lines = readFileSync(join(out, "turns.jsonl"), "utf8").trimEnd().split("\n");
    writeFileSync(join(out, "turns.jsonl"), `${lines.slice(0, 1).join("\n")}\n`);
    const resumed = await sctir(["run", config, "--out", out]);
    expect(resumed.stderr).toMatch(
      /was computed with 3 of 3 layers on Some GPU \(vulkan\), and would now be computed on the processor/u,
    );
    expect(resumed.exitCode).toBe(2);
  });
});

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("a GPU that cannot be used", () => {
  const install = new RegExp(
    `npm install --no-save @node-llama-cpp/linux-x64-cuda@${wantedVersion} .*NVIDIA.*\n` +
      `npm install --no-save @node-llama-cpp/linux-x64-vulkan@${wantedVersion} .*any GPU.*\n.*engine\\.kind vllm`,
    "u",
  );

  it.each<[string, Parameters<typeof checkoutWith>[0], RegExp]>([
    ["there is no build", {}, install],
    ["the build is of another version", { "linux-x64-vulkan": { addon: "", version: "1.2.3" } }, install],
    [
      "a library is missing",
      { "linux-x64-vulkan": { addon: 'throw new Error("libvulkan.so.1: cannot open shared object file")' } },
      /no GPU.*\n +@node-llama-cpp\/linux-x64-vulkan: libvulkan\.so\.1: cannot open/u,
    ],
    [
      "the build finds no device",
      { "linux-x64-vulkan": { addon: addonWith("vulkan", []) } },
      /linux-x64-vulkan: it finds no device\n/u,
    ],
    [
      "none of two builds finds a device",
      { "linux-x64-cuda": { addon: addonWith("", []) }, "linux-x64-vulkan": { addon: addonWith("vulkan", []) } },
      /linux-x64-cuda: it finds no device\n +@node-llama-cpp\/linux-x64-vulkan: it finds no device\n/u,
    ],
    [
      "the driver ends the process",
      { "linux-x64-vulkan": { addon: 'process.kill(process.pid, "SIGSEGV")' } },
      /linux-x64-vulkan: its process ended with SIGSEGV\n/u,
    ],
  ])("because %s is an error before the run starts", async (_, builds, message) => {
    const [launcher, { config, out }] = await Promise.all([checkoutWith(builds), workplace()]);
    const { exitCode, stderr } = await execa(process.execPath, [launcher, "run", config, "--out", out], {
      reject: false,
    });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/leave engine\.gpuLayers out, for the processor/u);
    expect(stderr).not.toMatch(/\n {4}at /u);
    expect(exitCode).toBe(3);
    expect(existsSync(join(out, "turns.jsonl")) && readFileSync(join(out, "turns.jsonl"), "utf8")).toBeFalsy();
  });
});

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("a plan for a GPU", () => {
  const builds = {
    "linux-x64-cuda": { addon: addonWith("", []) },
    "linux-x64-vulkan": { addon: addonWith("vulkan", ["First GPU", "Second GPU"], 300 * 2 ** 20) },
  };

  it("tells the device, the layers and the memory that is free there", async () => {
    const [launcher, { config }] = await Promise.all([checkoutWith(builds), workplace({ gpuLayers: 2 })]);
    const { stdout } = await execa(process.execPath, [launcher, "plan", config]);
    expect(stdout).toMatch(/computed +with 2 of 3 layers on First GPU and Second GPU \(vulkan\)\n/u);
    expect(stdout).toMatch(/free on the GPU +300\.0 MiB\n/u);
    const json = await execa(process.execPath, [launcher, "plan", config, "--json", "--set", "engine.gpuLayers=99"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      compute: { gpuLayers: 3, layers: 3 },
      gpuFreeBytes: 300 * 2 ** 20,
    });
  });

  it("is refused where the model does not fit there", async () => {
    const [launcher, { config }] = await Promise.all([checkoutWith(builds), workplace({ sequences: 1024 })]);
    const { exitCode, stderr } = await execa(process.execPath, [launcher, "plan", config], { reject: false });
    expect(stderr).toMatch(/300 MiB are free with 3 of 3 layers on the GPU: .*\n.*engine\.gpuLayers/u);
    expect(exitCode).toBe(2);
  });
});

// llama.cpp takes a Vulkan driver that computes on the processor only where it is told to.
process.env.GGML_VK_VISIBLE_DEVICES ??= "0";
const gpu = await findGpu().catch(() => undefined);

describe.skipIf(gpu === undefined)("a GPU", () => {
  it("writes what the processor writes, where the model is sure of its tokens", async () => {
    const body = { prompt: "### Problem: Find the remainder of 3^20 divided by 7.\n", max_tokens: 24, temperature: 0 };
    const texts: string[] = [];
    for (const where of [{}, { gpu }, { gpu, gpuLayers: 2 }]) {
      const served = await serveModel({ path: tinyModel, sequences: 4, repeatable: false, ...where });
      texts.push((await served.complete(body)).text);
      await served.close();
    }
    const [processor, all, some] = texts;
    expect(processor).toContain("```python");
    expect(all).toBe(processor);
    expect(some).toBe(processor);
  });

  it("computes a run, and the manifest and the status say so", async () => {
    const { config, out } = await workplace({ model: tinyModel });
    // A token takes a second where a driver computes on the processor.
    const { exitCode, stderr } = await sctir(["run", config, "--out", out, "--set", "sampling.maxTokens=12"]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("5 of 5 layers on ") });
    expect(jsonOf(out, "manifest.json")).toMatchObject({
      config: { engine: { gpuLayers: "all", repeatable: false } },
      engine: { compute: { backend: gpu?.backend, gpuLayers: 5, layers: 5, devices: gpu?.devices } },
    });
    expect(rowsOf(out, "candidates.jsonl")).toHaveLength(4);
    expect((await sctir(["status", out])).stdout).toContain("5 of 5 layers on ");
  });
});
