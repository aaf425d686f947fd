import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readJson } from "./json-file.mjs";
import { environmentForPip, environmentPython, readEnvironmentState } from "./python-environment.mjs";
import { hashOf } from "./setup-state.mjs";
import { runQuietly } from "./steps.mjs";

// What tests compare the statistics with. A folder for PYTHONPATH beside .venv, which has numpy and scipy: model-written
// Python finds in .venv what it is meant to find, and no more.
const folder = ".statistics-packages";
const requirements = "tests/statistics-requirements.txt";

/**
 * Why they have to be installed anew, or undefined if they are complete and current. Needs a complete .venv.
 *
 * @param {string} root
 */
export function reasonForStatisticsPackages(root) {
  if (!existsSync(path.join(root, folder))) return "not installed";
  const marker = readJson(markerFile(root));
  const wanted = wantedPackages(root);
  if (!marker) return "unfinished";
  if (marker.python !== wanted.python) return `Python ${marker.python} became ${wanted.python}`;
  if (marker.requirements !== wanted.requirements) return `${requirements} changed`;
  return undefined;
}

/**
 * Installs them anew. The marker comes last, so whatever interrupts this leaves a folder that the next set-up replaces.
 *
 * @param {string} root
 * @param {AbortSignal} signal
 */
export async function installStatisticsPackages(root, signal) {
  rmSync(path.join(root, folder), { recursive: true, force: true, maxRetries: 3 });
  mkdirSync(path.join(root, folder));
  const install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"];
  const exactly = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", requirements];
  await runQuietly(environmentPython(root), [...install, ...exactly, "--target", folder], {
    cwd: root,
    env: environmentForPip(),
    hint: "pip needs its package index, or its cache from an earlier install. Then run the same command again.",
    signal,
  });
  writeFileSync(markerFile(root), JSON.stringify(wantedPackages(root)));
}

/** @param {string} root */
function wantedPackages(root) {
  return {
    requirements: hashOf(readFileSync(path.join(root, requirements))),
    python: readEnvironmentState(root).runningVersion,
  };
}

/** @param {string} root */
function markerFile(root) {
  return path.join(root, folder, ".sctir-setup");
}
