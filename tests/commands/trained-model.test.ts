import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { dataFolder } from "../helpers/data-folder.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** A small model that was trained to write programs, where there is one. */
const model = [fileURLToPath(new URL("../../models/", import.meta.url)), join(dataFolder, "models")]
  .flatMap((folder) => filesIn(folder).map((file) => join(folder, file)))
  .find((path) => /tiny-tir[^/]*\.gguf$/u.test(path) && !path.includes("half"));

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

describe.skipIf(model === undefined)("a trained model, embedded", () => {
  it("solves problems by programs that are run, over several turns", async () => {
    const folder = await temporaryFolder();
    const rows = [
      { id: "a", statement: "What is the remainder when 7^123 is divided by 100?", answer: "43" },
      { id: "b", statement: "What is the greatest common divisor of 462 and 1071?", answer: "21" },
      { id: "c", statement: "What is the remainder when 12^45 is divided by 97?", answer: String(12n ** 45n % 97n) },
    ];
    await writeFile(join(folder, "problems.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const config = {
      problems: [{ set: "mine", file: "problems.jsonl", fields: { id: "id", statement: "statement", gold: "answer" } }],
      engine: { kind: "llama", model },
      profile: "numina-tir",
      sampling: { width: 8, depth: 3, maxTokens: 250 },
    };
    await writeFile(join(folder, "run.json"), JSON.stringify(config));
    const out = join(folder, "run");
    expect(await sctir(["run", join(folder, "run.json"), "--out", out])).toMatchObject({ exitCode: 0 });
    const turns = rowsOf(out, "turns.jsonl");
    expect(
      turns.filter(({ finish, stopString }) => finish === "code" && stopString === "```output\n").length,
    ).toBeGreaterThan(12);
    expect(turns.filter(({ tokens }) => (tokens as { cached: number }).cached > 0).length).toBeGreaterThan(12);
    const { all } = jsonOf(out, "summary.json") as { all: { passAt: { 8: { estimate: number } } } };
    expect(all.passAt[8].estimate).toBeGreaterThan(0.3);
  });
});
