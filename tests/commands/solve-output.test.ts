import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { event } from "../helpers/streamed-completion.ts";
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

  it("shows on a terminal what the model writes as it comes, and what of it does not count", async () => {
    const begun = event({ choices: [{ index: 0, text: "I am not sure, but", finish_reason: null }] });
    const server = await startScriptedEngine(({ turn, attempt }) => {
      if (attempt === 0 && turn === 0) return { pieces: [begun], after: "cut" };
      return turn === 0 ? program : "So it is $\\boxed{\u001b7}$";
    });
    try {
      const config = await writeConfig(await temporaryFolder(), [], server.baseUrl, {
        sampling: { width: 1, depth: 2, maxTokens: 128 },
      });
      const { stdout } = await onTerminal(["solve", "six times seven", config]);
      expect(server.log.map(({ body }) => body.stream)).toEqual([true, true, true]);
      const lines = stdout.replaceAll("\r\n", "\n").split("\n");
      expect(lines.filter((line) => !line.startsWith("──"))).toEqual(
        expect.arrayContaining(["I am not sure, but", "(discarded: it is asked for again)", "␛[31mI compute."]),
      );
      expect(stdout.split("I compute.")).toHaveLength(2);
      expect(stdout).toContain("So it is $\\boxed{␛7}$");
      expect(stdout.replaceAll("\r\n", "\n")).not.toMatch(/(?![\n\t])\p{Cc}/u);
    } finally {
      await server.close();
    }
  });

  it.each([
    ["into a pipe", [], {}, false],
    ["with the config's word", ["--set", "engine.streaming=true"], {}, true],
    ["of a server that may not know it", [], { dialect: "openai" }, false],
  ])("asks for a stream only where somebody sees it: %s", async (_, options, engine, isStreamed) => {
    const server = await startScriptedEngine(() => "So it is $\\boxed{7}$");
    try {
      const config = await writeConfig(await temporaryFolder(), [], server.baseUrl, {
        engine: { kind: "vllm", baseUrl: server.baseUrl, model: "scripted", ...engine },
        sampling: { width: 1, depth: 1, maxTokens: 128 },
      });
      const args = ["solve", "three and four", config, ...options];
      const { stdout } = await ("dialect" in engine ? onTerminal(args) : sctir(args));
      expect(stdout).toMatch(/boxed\{7\}/u);
      expect(new Set(server.log.map(({ body }) => body.stream))).toEqual(new Set([isStreamed]));
    } finally {
      await server.close();
    }
  });
});

const launcher = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));

/** Runs the command line as on a terminal, where both its outputs go. */
function onTerminal(args: readonly string[]) {
  const spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
  return execa("python3", ["-c", spawn, process.execPath, launcher, ...args], { input: "" });
}
