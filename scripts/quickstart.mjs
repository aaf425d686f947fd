// The first thing to run: `npm run quickstart`. Sets the checkout up if need be, then evaluates the sample problems
// against recorded traces, so that it needs neither a GPU nor a model.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "./lib/json-file.mjs";
import { projectNode } from "./lib/node-packages.mjs";
import { setUp } from "./lib/setup.mjs";
import { runScript } from "./lib/setup-error.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const results = path.join(root, "results/quickstart");

const whatNext = `
What to try next:
  npx sctir doctor configs/vllm.yaml     is everything there for a run against a vLLM server?
  npx sctir run configs/vllm.yaml        the same with a model: set baseUrl and model in that file first
  npx sctir datasets                     the validation sets, and how to get their files
  npx sctir --help                       all commands
`;

await runScript(async () => {
  await setUp(root);
  // A finished run would be left alone; this is to show one. An interrupted one goes on where it stopped.
  if (readJson(path.join(results, "manifest.json"))?.state === "complete") rmSync(results, { recursive: true });
  const exitCode = await runSctir(["run", "configs/quickstart.yaml", "--out", "results/quickstart"]);
  if (exitCode === 0) process.stdout.write(whatNext);
  return exitCode;
});

/**
 * Runs sctir in the foreground. An interrupt reaches it from the terminal; here it must not end the wait for it.
 *
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
function runSctir(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(projectNode(root), ["bin/sctir.js", ...args], { cwd: root, stdio: "inherit" });
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    process.on("SIGHUP", () => child.kill("SIGHUP"));
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}
