import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, it } from "vitest";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** `npm run reproduce`, on a few problems: all runs, all tables. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = fileURLToPath(new URL("../../docs/tiny.md", import.meta.url));

it("runs every checkpoint and shows each claim's table, writing nothing to the docs", async () => {
  const before = readFileSync(page, "utf8");
  const size = ["--problems", "4", "--seed-problems", "3", "--seeds", "2", "--no-note"];
  const args = ["scripts/reproduce.ts", ...size, "--folder", await temporaryFolder()];
  const { exitCode, stdout, stderr } = await execa(process.execPath, args, { cwd: root, reject: false });
  expect(exitCode, stderr).toBe(0);
  for (const claim of ["cot", "votes", "depth", "tir-half", "kto", "seeds", "equals"]) {
    expect(stdout).toMatch(new RegExp(`^${claim}\n\n\\|.*\n\\| -.*\n\\| .*\\d`, "mu"));
  }
  expect(readFileSync(page, "utf8")).toBe(before);
});
