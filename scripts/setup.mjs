// Makes this checkout ready to run: `npm run setup`. Says what it does, a line per step; does only what is missing.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setUp } from "./lib/setup.mjs";
import { runScript } from "./lib/setup-error.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

await runScript(async () => {
  const started = Date.now();
  const done = await setUp(root);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stderr.write(done ? `Set up in ${seconds} s.\n` : `Set up already (looked for ${seconds} s).\n`);
  return 0;
});
