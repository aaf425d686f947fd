import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { childrenOf, isAlive } from "../../helpers/child-processes.ts";
import { writeSmallGguf } from "../../helpers/small-gguf.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Starts the engine and generates without end. Prints its URL. */
const parent = `
  import { findBuild } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/installed-build.ts"))};
  import { startEngineProcess } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/engine-process.ts"))};
  import { planSettings } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/memory-plan.ts"))};
  import { readModelFile } from ${JSON.stringify(here("../../../pipeline/adapters/llama-engine/model-file.ts"))};
  const file = readModelFile(process.argv[1]);
  const asked = { maxModelLen: undefined, sequences: 4, threads: undefined };
  const engine = await startEngineProcess({ build: findBuild(), file, settings: planSettings(file, asked), repeatable: true });
  const body = JSON.stringify({ prompt: "a", max_tokens: 8000, ignore_eos: true });
  void fetch(engine.url + "/completions", { method: "POST", body });
  console.log(engine.url);
  setInterval(() => {}, 1000);
`;

describe.skipIf(process.platform !== "linux")("the engine's process", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)("does not outlive the one that started it (%s)", async (signal) => {
    const model = writeSmallGguf(join(await temporaryFolder(), "small.gguf"), { contextLength: 8192 });
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", parent, model], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const engines = childrenOf(child.pid ?? 0);
    expect(engines).toHaveLength(1);
    child.kill(signal);
    while (engines.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
