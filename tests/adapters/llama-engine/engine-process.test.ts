import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { childrenOf, isAlive } from "../../helpers/child-processes.ts";
import { writeSmallGguf } from "../../helpers/small-gguf.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Starts the engine. */
const started = `
  import { childrenOf } from ${JSON.stringify(here("../../helpers/child-processes.ts"))};
  import { findBuild } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/installed-build.ts"))};
  import { startEngineProcess } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/engine-process.ts"))};
  import { planSettings } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/memory-plan.ts"))};
  import { readModelFile } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/model-file.ts"))};
  const file = readModelFile(process.argv[1]);
  const settings = planSettings(file, { sequences: 4 });
  const engine = await startEngineProcess({ build: findBuild(), file, settings, repeatable: true });
`;

/** Generates without end, and prints the engine's URL. */
const generating = `${started}
  const body = JSON.stringify({ prompt: "a", max_tokens: 8000, ignore_eos: true });
  void fetch(engine.url + "/completions", { method: "POST", body });
  console.log(engine.url);
  setInterval(() => {}, 1000);
`;

describe.skipIf(process.platform !== "linux")("the engine's process", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)("does not outlive the one that started it (%s)", async (signal) => {
    const model = writeSmallGguf(join(await temporaryFolder(), "small.gguf"), { contextLength: 8192 });
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", generating, model], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const engines = childrenOf(child.pid ?? 0);
    expect(engines).toHaveLength(1);
    child.kill(signal);
    while (engines.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it.each([
    ["runs", ""],
    ["was just killed", 'for (const pid of childrenOf(process.pid)) process.kill(pid, "SIGKILL");'],
  ])("that %s is waited for as it is closed, also where nothing else is going on", async (_, before) => {
    const model = writeSmallGguf(join(await temporaryFolder(), "small.gguf"));
    const script = `${started} ${before} await engine.close(); console.log("closed");`;
    const run = execa(process.execPath, ["--input-type=module-typescript", "-e", script, model], { reject: false });
    const { exitCode, stdout } = await run;
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "closed" });
  });
});
