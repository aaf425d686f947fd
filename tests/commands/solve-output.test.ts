import { describe, expect, it } from "vitest";
import { writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const program = "\u001b[31mI compute.\n```python\nprint('\\x1b[2Jcleared')\n```\n```output\n";

describe("sctir solve", () => {
  it("sends no control character of the model or its program to the terminal", async () => {
    const server = await startScriptedEngine(({ turn }) => (turn === 0 ? program : "\u0007 $\\boxed{\u001b7}$"));
    try {
      const config = await writeConfig(await temporaryFolder(), [], server.baseUrl, {
        sampling: { width: 1, depth: 2, maxTokens: 128 },
      });
      const ended = await sctir(["solve", "six times seven", config]);
      expect(ended.stdout).toContain("␛[31mI compute.");
      expect(ended.stdout).toContain("␛[2Jcleared");
      expect(ended.stdout).not.toMatch(/(?![\n\t])\p{Cc}/u);
      expect(ended.stderr).not.toMatch(/(?![\n\t])\p{Cc}/u);
    } finally {
      await server.close();
    }
  });
});
