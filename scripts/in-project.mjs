// Runs one of the project's programs: `node scripts/in-project.mjs scripts/soak-sandbox.ts --seed 1`. Sets the checkout
// up if need be; the program gets the project's own Node.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runInForeground } from "./lib/foreground.mjs";
import { projectNode } from "./lib/node-packages.mjs";
import { setUp } from "./lib/setup.mjs";
import { runScript } from "./lib/setup-error.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

await runScript(async () => {
  await setUp(root, { development: true }); // benchmarks, soaks and figures take what tests do
  return runInForeground(projectNode(root), process.argv.slice(2), { cwd: root });
});
