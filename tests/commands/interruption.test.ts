import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { jsonOf, writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine, until } from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("an interruption", () => {
  it("before generation ends the run like one within it, with a command that a shell takes", async () => {
    const server = await startScriptedEngine(() => ({ text: "The answer is $\\boxed{42}$.", delayMilliseconds: 200 }));
    try {
      const folder = await temporaryFolder();
      const out = join(folder, "my run");
      const config = await writeConfig(folder, [{ id: "a", problem: "6 times 7?", answer: "42" }], server.baseUrl, {
        strategy: "cot",
        profile: "cot",
      });
      const args = ["run", config, "--out", out, "--set", "schedule={concurrency: 1}"];
      const running = startSctir(args);
      await until(() => existsSync(join(out, "run.lock")));
      running.kill("SIGINT");
      const ended = await running;
      expect(ended.exitCode).toBe(130);
      expect(ended.stderr).toContain(`sctir run ${config} --out '${out}' --set 'schedule={concurrency: 1}'`);
      expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
      expect(existsSync(join(out, "run.lock"))).toBe(false);
      expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    } finally {
      await server.close();
    }
  });
});
