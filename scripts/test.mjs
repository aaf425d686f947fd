// `npm test`: sets the checkout up if need be, checks types and style, runs the tests. Arguments go to vitest:
// `npm test -- tests/core`. With SCTIR_TEST_RESULT set, vitest's JSON result is left in that file.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "./lib/json-file.mjs";
import { projectNode } from "./lib/node-packages.mjs";
import { setUp, setUpStatistics } from "./lib/setup.mjs";
import { runScript } from "./lib/setup-error.mjs";
import { countTests } from "./lib/test-counts.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const checks = [
  { name: "types (tsc)", file: "node_modules/.bin/tsc", args: [] },
  { name: "style (biome check)", file: "node_modules/.bin/biome", args: ["check", "--error-on-warnings"] },
];

await runScript(async () => {
  await setUp(root, { development: true });
  await setUpStatistics(root);
  const folder = mkdtempSync(path.join(tmpdir(), "sctir-test-"));
  const resultFile = process.env.SCTIR_TEST_RESULT ?? path.join(folder, "result.json");
  try {
    const failed = [];
    for (const { name, file, args } of checks) {
      if ((await runInside([file, ...args])) !== 0) failed.push(name);
    }
    rmSync(resultFile, { force: true }); // of an earlier run
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${resultFile}`];
    const status = await runInside(["node_modules/vitest/vitest.mjs", "run", ...reporters, ...process.argv.slice(2)]);
    const counts = countTests(readJson(resultFile));
    if (status !== 0 || counts.failed > 0) failed.push("tests (vitest)");
    else if (counts.passed === 0) failed.push("tests (vitest): none ran");

    for (const name of failed) process.stderr.write(`FAILED: ${name}\n`);
    return failed.length > 0 ? status || 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/**
 * Runs a JavaScript tool on the project's Node, with this process's input and output.
 *
 * @param {readonly string[]} command
 * @returns {Promise<number>} the exit code
 */
function runInside(command) {
  return new Promise((resolve, reject) => {
    const child = spawn(projectNode(root), [...command], { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
