import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const project = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe("a checkout without llama.cpp's build", () => {
  it("says which package is missing, how to install it, and what else there is", async () => {
    const folder = await temporaryFolder();
    for (const file of [
      "pipeline/adapters/llama-engine/installed-build.ts",
      "pipeline/core/user-error.ts",
      "package.json",
    ]) {
      cpSync(project(file), join(folder, file));
    }
    const script = `import { findBuild } from "./pipeline/adapters/llama-engine/installed-build.ts";
      try { findBuild(); } catch ({ name, message, hint, exitCode }) { console.log(JSON.stringify({ name, message, hint, exitCode })); }`;
    const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual({
      name: "UserError",
      message: expect.stringMatching(/^The package @node-llama-cpp\/\S+, which holds llama\.cpp, is not installed\.$/u),
      hint: expect.stringMatching(/npm install --no-save @node-llama-cpp\/\S+@\d+\.\d+\.\d+\n.*engine\.kind vllm/su),
      exitCode: 3,
    });
  });
});
