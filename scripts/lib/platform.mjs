import { SetupError } from "./setup-error.mjs";

const supported = `sctir runs on
  Linux    x86-64 or arm64, with glibc 2.28 or newer (Debian 10, Ubuntu 20.04, Fedora 29, RHEL 8 and later)
  macOS    arm64 or x86-64 (model-written Python runs there under limits only, without bubblewrap)
On Windows, use a Linux distribution under WSL 2.`;

/**
 * Throws a SetupError where the pinned binaries (Node 24, Python wheels) do not exist.
 *
 * @param {{platform: string, arch: string, nodeVersion: string, glibcVersion: string | undefined}} machine
 *   names as Node gives them; `glibcVersion` is undefined without glibc
 */
export function checkPlatform({ platform, arch, nodeVersion, glibcVersion }) {
  const os = platform === "linux" || platform === "darwin";
  if (!os || (arch !== "x64" && arch !== "arm64")) {
    throw new SetupError(`sctir does not run on ${platform} ${arch}.`, supported);
  }
  if (platform === "linux" && !(glibcVersion && isAtLeast(glibcVersion, "2.28"))) {
    const found = glibcVersion ? `glibc ${glibcVersion}` : "another C library than glibc";
    throw new SetupError(`sctir does not run on this Linux: it has ${found}.`, supported);
  }
  if (!isAtLeast(nodeVersion, "18")) {
    throw new SetupError(
      `Node ${nodeVersion} is too old to set sctir up.`,
      "Node 18 or newer with npm is enough for it: the set-up brings its own Node 24 into node_modules.\n" +
        "  Debian, Ubuntu   sudo apt-get install nodejs npm\n" +
        "  Fedora           sudo dnf install nodejs\n" +
        "  macOS            brew install node",
    );
  }
}

/** The machine this process runs on. */
export function thisMachine() {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.versions.node,
    glibcVersion: process.platform === "linux" ? readGlibcVersion() : undefined,
  };
}

/** @returns {string | undefined} */
function readGlibcVersion() {
  const report = /** @type {{header?: {glibcVersionRuntime?: string}}} */ (process.report?.getReport() ?? {});
  return report.header?.glibcVersionRuntime;
}

/**
 * Compares dotted version numbers part by part; missing parts count as 0.
 *
 * @param {string} version
 * @param {string} least
 */
export function isAtLeast(version, least) {
  const have = version.split(".").map(Number);
  const want = least.split(".").map(Number);
  for (let part = 0; part < want.length; part++) {
    const difference = (have[part] ?? 0) - (want[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
