import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { readJson } from "./json-file.mjs";
import { isAtLeast } from "./platform.mjs";
import { SetupError } from "./setup-error.mjs";
import { hashOf, installedMatchesLock } from "./setup-state.mjs";
import { runQuietly } from "./steps.mjs";

const platform = `${process.platform}-${process.arch}`;

/**
 * What there is to decide whether `npm ci` has to run.
 *
 * @param {string} root
 * @param {boolean} development whether packages are needed that only tests and checks load
 */
export function readNodeState(root, development) {
  const lockText = readFileSync(path.join(root, "package-lock.json"));
  const marker = readJson(markerFile(root));
  const installed = marker ? undefined : readJson(path.join(root, "node_modules/.package-lock.json"));
  return {
    marker,
    lockHash: hashOf(lockText),
    platform,
    hasNode: existsSync(projectNode(root)),
    installedMatches: installed ? installedMatchesLock(JSON.parse(lockText.toString()), installed, development) : false,
    development,
  };
}

/**
 * Runs `npm ci`, and sees to the Node that runs sctir: the one that npm brought, else this machine's own where it will do.
 *
 * @param {string} root
 * @param {boolean} development whether to install packages that only tests and checks load
 * @param {AbortSignal} signal
 */
export async function installNodePackages(root, development, signal) {
  rmSync(markerFile(root), { force: true });
  const { command, args, env } = findNpm(root);
  const cache = isWritable(npmCache()) ? undefined : mkdtempSync(path.join(tmpdir(), "sctir-npm-cache-"));
  try {
    const which = development ? "--include=dev" : "--omit=dev";
    await runQuietly(command, [...args, "ci", which, "--no-audit", "--no-fund", "--no-update-notifier"], {
      cwd: root,
      env: cache ? { ...env, npm_config_cache: cache } : env,
      hint: "npm needs its registry, or its cache from an earlier install. Then run the same command again.",
      signal,
    });
  } finally {
    if (cache) rmSync(cache, { recursive: true, force: true });
  }
  if (!existsSync(projectNode(root))) linkOwnNode(root, env.PATH);
  removeUnused(root);
  const lock = hashOf(readFileSync(path.join(root, "package-lock.json")));
  writeFileSync(markerFile(root), JSON.stringify({ lock, platform, development }));
}

/**
 * A third of what packages bring is loaded by nobody: the package that `node` has its binary from, which is a link to the
 * same file, with headers and documentation; and the sources of a package that is loaded as JavaScript.
 *
 * @param {string} root
 */
function removeUnused(root) {
  const packages = path.join(root, "node_modules");
  rmSync(path.join(packages, "node/node_modules"), { recursive: true, force: true });
  rmSync(path.join(packages, "openai/src"), { recursive: true, force: true });
}

/**
 * npm brings no Node where it is told to run no install scripts, or has none for this platform.
 *
 * @param {string} root
 * @param {string} searchPath
 */
function linkOwnNode(root, searchPath) {
  const onPath = searchPath.split(path.delimiter).map((folder) => path.join(folder, "node"));
  const found = [process.execPath, ...onPath].filter(isExecutable).find(readsTypeScript);
  if (!found) {
    throw new SetupError(
      "npm ci ended well, but there is no node_modules/.bin/node.",
      "sctir needs Node 24.3 or newer. Either install one (macOS: brew install node@24), or let npm bring it: the\n" +
        "package `node` does so by its install script. See whether `npm config get ignore-scripts` says true, and then\n" +
        "  npm config set ignore-scripts false --location=project\n" +
        "Then run the same command again.",
    );
  }
  rmSync(projectNode(root), { force: true }); // a link to nothing
  symlinkSync(found, projectNode(root));
}

/** @param {string} node */
function readsTypeScript(node) {
  const question = "process.stdout.write(process.features.typescript ? process.versions.node : '0')";
  const { status, stdout } = spawnSync(node, ["-e", question], { encoding: "utf8", timeout: 20_000 });
  return status === 0 && isAtLeast(stdout, "24.3");
}

/**
 * `npx sctir` finds its own package's command here at once, where it would otherwise install the package into its cache.
 *
 * @param {string} root
 */
export function linkCommand(root) {
  const link = path.join(root, "node_modules/.bin/sctir");
  rmSync(link, { force: true });
  symlinkSync("../../bin/sctir.js", link);
}

/** @param {string} root */
export function projectNode(root) {
  return path.join(root, "node_modules/.bin/node");
}

/** @param {string} root */
function markerFile(root) {
  return path.join(root, "node_modules/.sctir-setup");
}

/**
 * How to start npm, without the Node in node_modules: `npm ci` deletes that one first.
 *
 * @param {string} root
 */
function findNpm(root) {
  const own = path.join(root, "node_modules") + path.sep;
  const folders = (process.env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => !`${folder}${path.sep}`.startsWith(own));
  const env = { ...process.env, PATH: folders.join(path.delimiter) };

  const onPath = folders.map((folder) => path.join(folder, "npm")).find(isExecutable);
  if (onPath) return { command: onPath, args: [], env };
  const fromNpmRun = process.env.npm_execpath;
  if (fromNpmRun && existsSync(fromNpmRun)) return { command: process.execPath, args: [fromNpmRun], env };
  throw new SetupError(
    "npm was not found on PATH.",
    "It comes with Node, except where a distribution splits it off:\n  Debian, Ubuntu   sudo apt-get install npm",
  );
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function npmCache() {
  try {
    return process.env.npm_config_cache ?? path.join(homedir(), ".npm");
  } catch {
    return "/"; // a user without a home folder
  }
}

/**
 * Whether a folder can be written, or made.
 *
 * @param {string} folder
 * @returns {boolean}
 */
function isWritable(folder) {
  if (!existsSync(folder) && path.dirname(folder) !== folder) return isWritable(path.dirname(folder));
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
