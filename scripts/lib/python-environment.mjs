import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readJson } from "./json-file.mjs";
import { askPython, environmentForPython, howToGetVenv } from "./python.mjs";
import { hashOf } from "./setup-state.mjs";
import { runQuietly } from "./steps.mjs";

/** @typedef {{folder: string, requirements: string}} Environment by names within the checkout */

/** What model-written Python runs in. */
export const sandboxEnvironment = { folder: ".venv", requirements: "requirements.txt" };

/** Model servers to try sctir with. */
export const serverEnvironment = { folder: ".real-servers", requirements: "servers/requirements.txt" };

/**
 * What there is to decide whether an environment has to be made anew.
 *
 * @param {string} root
 * @param {Environment} environment
 */
export function readEnvironmentState(root, environment = sandboxEnvironment) {
  const { SCTIR_BASE_PYTHON: named } = process.env;
  return {
    exists: existsSync(path.join(root, environment.folder)),
    marker: readJson(markerFile(root, environment)),
    requirementsHash: hashOf(readFileSync(path.join(root, environment.requirements))),
    runningVersion: versionOf(environmentPython(root, environment)),
    named: named ? askPython(named) : undefined,
  };
}

/**
 * Makes an environment anew and installs its requirements into it. The marker comes last, so whatever interrupts this
 * leaves an environment that the next set-up replaces.
 *
 * @param {string} root
 * @param {import("./python.mjs").Interpreter} python
 * @param {AbortSignal} signal
 * @param {Environment} environment
 */
export async function makeEnvironment(root, python, signal, environment = sandboxEnvironment) {
  const folder = path.join(root, environment.folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  const env = environmentForPip();
  await runQuietly(python.start, ["-m", "venv", folder], { cwd: root, env, hint: howToGetVenv(python), signal });

  const inside = environmentPython(root, environment);
  // Bytecode is compiled afterwards, on all cores and without the packages' own tests.
  const install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"];
  const exactly = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", environment.requirements];
  await runQuietly(inside, [...install, ...exactly], {
    cwd: root,
    env,
    hint: "pip needs its package index, or its cache from an earlier install. Then run the same command again.",
    signal,
  });

  const packages = path.join(folder, "lib");
  await runQuietly(inside, ["-m", "compileall", "-q", "-j", "0", "-x", "/tests?/", packages], {
    cwd: root,
    env,
    hint: "Is the disk full? Then make room, and run the same command again.",
    signal,
  });
  const { version, executable } = python;
  const requirements = hashOf(readFileSync(path.join(root, environment.requirements)));
  writeFileSync(markerFile(root, environment), JSON.stringify({ requirements, version, executable }));
}

/** What a user's settings say about other installs than this one would put the packages elsewhere. */
export function environmentForPip() {
  const env = environmentForPython();
  for (const name of ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIREMENT", "PIP_CONSTRAINT"]) delete env[name];
  return { ...env, PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0" };
}

/**
 * The version of an interpreter, undefined if it does not start. It starts without site-packages, for speed.
 *
 * @param {string} python
 * @returns {string | undefined}
 */
function versionOf(python) {
  const { status, stdout } = spawnSync(
    python,
    ["-I", "-S", "-c", "import platform; print(platform.python_version())"],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 20_000,
    },
  );
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * @param {string} root
 * @param {Environment} environment
 */
export function environmentPython(root, environment = sandboxEnvironment) {
  return path.join(root, environment.folder, "bin/python");
}

/**
 * @param {string} root
 * @param {Environment} environment
 */
function markerFile(root, { folder }) {
  return path.join(root, folder, ".sctir-setup");
}
