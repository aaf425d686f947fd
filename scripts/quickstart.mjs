// The first thing to run: `npm run quickstart`. Sets the checkout up if need be, then evaluates a small model that comes
// with sctir, on the processor at hand.
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runInForeground } from "./lib/foreground.mjs";
import { readJson } from "./lib/json-file.mjs";
import { projectNode } from "./lib/node-packages.mjs";
import { setUp } from "./lib/setup.mjs";
import { runScript } from "./lib/setup-error.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const results = path.join(root, "results/quickstart");

const problems = "problems.0.sample={size: 24, seed: 1}";
const setting = ["--set", problems, "--set", "sampling.depth=3"];

const whatNext = `
What to try next:
  npx sctir run configs/tiny.yaml --out results/tiny-cot --set '${problems}' \\
    --set strategy=cot --set engine.model=../models/tiny-cot.gguf
  npx sctir compare results/quickstart results/tiny-cot      is it the programs? the same model before it learnt to write them
  npx sctir simulate results/quickstart                      fewer candidates, fewer turns: what they cost, what they save
  npx sctir solve 'What is gcd(84, 126)?' configs/tiny.yaml  a problem of your own, with all that the model writes
  npx sctir run configs/tiny.yaml --set engine.model=FILE    a GGUF file of your own (docs/engines.md)
  npx sctir doctor configs/vllm.yaml                         is everything there for a run against a vLLM server?
  npx sctir datasets                                         the validation sets, and how to get their files
  npx sctir --help                                           all commands
`;

await runScript(async () => {
  await setUp(root);
  // A finished run would be left alone; this is to show one. An interrupted one goes on where it stopped.
  if (readJson(path.join(results, "manifest.json"))?.state === "complete") rmSync(results, { recursive: true });
  const args = ["bin/sctir.js", "run", "configs/tiny.yaml", "--out", "results/quickstart", ...setting];
  const exitCode = await runInForeground(projectNode(root), args, { cwd: root });
  if (exitCode === 0) process.stdout.write(`${whatTheVoteAdded()}${whatNext}`);
  return exitCode;
});

function whatTheVoteAdded() {
  const { accuracy, candidateAccuracy, width } = readJson(path.join(results, "summary.json"))?.all ?? {};
  const percent = (/** @type {number} */ share) => (100 * share).toFixed(0);
  const [one, voted] = [candidateAccuracy.estimate, accuracy.estimate];
  return `
A small model (2.9 million parameters) wrote these solutions here and now, and their programs were run.
One candidate is right in ${percent(one)} %, the vote of ${width} in ${percent(voted)} %: voting added about ${percent(voted - one)} points.
`;
}
