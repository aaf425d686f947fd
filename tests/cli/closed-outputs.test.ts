import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { jsonOf, writeConfig } from "../helpers/run-files.ts";
import { startScriptedEngine } from "../helpers/scripted-engine.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const launcher = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));

/** A run whose output goes where a shell's redirection says. */
async function runWith(redirection: string) {
  const server = await startScriptedEngine(() => "The answer is $\\boxed{42}$.");
  try {
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, [{ id: "a", problem: "6 times 7?", answer: "42" }], server.baseUrl, {
      profile: "cot",
      strategy: "cot",
    });
    const out = join(folder, "run");
    const script = `{ "$0" "$1" run "$2" --out "$3"; echo "$?" > "$3/exit"; } ${redirection}`;
    const { stderr } = await execa("bash", ["-c", script, process.execPath, launcher, config, out], { reject: false });
    return { stderr, exitCode: jsonOf(out, "exit"), state: jsonOf(out, "manifest.json").state };
  } finally {
    await server.close();
  }
}

describe("a reader that goes away", () => {
  it.each([
    ["of the result", "| true"],
    ["of notes and progress", "2>&1 >/dev/null | true"],
    ["of everything", "2>&1 | true"],
  ])("%s does not end a run", async (_, redirection) => {
    const ended = await runWith(redirection);
    expect(ended).toMatchObject({ exitCode: 0, state: "complete" });
    expect(ended.stderr).not.toMatch(/^ +at /mu);
  });

  it("leaves a result that cannot be written an error, without a stack", async () => {
    const ended = await runWith(">/dev/full");
    expect(ended).toMatchObject({ exitCode: 2, state: "complete" });
    expect(ended.stderr).toContain("Cannot write to standard output: ENOSPC");
    expect(ended.stderr).not.toMatch(/^ +at /mu);
  });
});
