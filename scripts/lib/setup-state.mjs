import { createHash } from "node:crypto";

/** @param {string | Uint8Array} content */
export function hashOf(content) {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * What the set-up leaves in node_modules/.sctir-setup once `npm ci` is through.
 *
 * @typedef {{lock: string, platform: string, development?: boolean}} NodeMarker
 */

/**
 * Why `npm ci` has to run, or undefined if node_modules is what package-lock.json says.
 *
 * @param {object} state
 * @param {NodeMarker | undefined} state.marker left by the last complete set-up
 * @param {string} state.lockHash of package-lock.json as it is now
 * @param {string} state.platform such as linux-x64: the binaries in node_modules are for one platform
 * @param {boolean} state.hasNode node_modules/.bin/node is there
 * @param {boolean} [state.installedMatches] npm's own record of what it installed agrees with package-lock.json
 * @param {boolean} [state.development] the packages are needed that only tests and checks load
 */
export function reasonForPackages({ marker, lockHash, platform, hasNode, installedMatches, development = false }) {
  if (!hasNode) return "not installed";
  if (!marker) return installedMatches ? undefined : "unfinished";
  if (marker.platform !== platform) return `made for ${marker.platform}`;
  if (marker.lock !== lockHash) return "package-lock.json changed";
  if (development && !marker.development) return "without those for tests";
  return undefined;
}

/**
 * Whether npm's record of what it installed (node_modules/.package-lock.json) has what package-lock.json asks for.
 * So an `npm ci` that somebody ran by hand is not done again.
 *
 * @param {LockFile} lock
 * @param {LockFile} installed
 * @param {boolean} development whether packages that only tests and checks load have to be there
 *
 * @typedef {{packages?: Record<string, {version?: string, integrity?: string, optional?: boolean, dev?: boolean}>}} LockFile
 */
export function installedMatchesLock(lock, installed, development) {
  const wanted = Object.entries(lock.packages ?? {}).filter(([path]) => path !== "");
  const present = installed.packages ?? {};
  const wantedPaths = new Set(wanted.map(([path]) => path));
  return (
    wanted.length > 0 &&
    Object.keys(present).every((path) => wantedPaths.has(path)) &&
    wanted.every(([path, { version, integrity, optional, dev }]) => {
      const found = present[path];
      if (!found) return optional === true || (dev === true && !development); // optional: for another platform
      return found.version === version && found.integrity === integrity;
    })
  );
}

/**
 * What the set-up leaves in .venv/.sctir-setup once the environment is complete.
 *
 * @typedef {{requirements: string, version: string, executable: string}} EnvironmentMarker
 */

/**
 * Why .venv has to be made anew, or undefined if it is complete and current.
 *
 * @param {object} state
 * @param {boolean} state.exists there is a .venv
 * @param {EnvironmentMarker | undefined} state.marker left by the last complete set-up
 * @param {string} state.requirementsHash of requirements.txt as it is now
 * @param {string | undefined} state.runningVersion what the environment's interpreter says, undefined if it does not start
 * @param {{version: string, executable: string} | undefined} state.named the interpreter of SCTIR_BASE_PYTHON
 */
export function reasonForEnvironment({ exists, marker, requirementsHash, runningVersion, named }) {
  if (!exists) return "not installed";
  if (!marker) return "unfinished";
  if (!runningVersion) return "its Python does not start";
  if (runningVersion !== marker.version) return `Python ${marker.version} became ${runningVersion}`;
  if (named && named.executable !== marker.executable) return "SCTIR_BASE_PYTHON changed";
  if (marker.requirements !== requirementsHash) return "requirements.txt changed";
  return undefined;
}
