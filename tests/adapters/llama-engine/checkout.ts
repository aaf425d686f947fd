import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const project = fileURLToPath(new URL("../../../", import.meta.url));

/** The version of llama.cpp's builds that the project wants. */
export const wantedVersion = (
  JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { optionalDependencies: Record<string, string> }
).optionalDependencies["@node-llama-cpp/linux-x64"];

/** A build that a test makes up: what its addon does as it is loaded. */
export interface MadeUpBuild {
  addon: string; // JavaScript
  version?: string;
}

/** An addon that finds devices, as far as looking for them goes. */
export const addonWith = (backend: string, devices: readonly string[], freeBytes = 8 * 2 ** 30) => `
  const nothing = () => {};
  module.exports = {
    markLoaded: nothing, setLogger: nothing, setLoggerLogLevel: nothing, loadBackends: nothing, init: async () => {},
    getGpuType: () => ${JSON.stringify(backend)},
    getGpuDeviceInfo: () => ({ deviceNames: ${JSON.stringify(devices)} }),
    getGpuVramInfo: () => ({ total: ${freeBytes + 1000}, used: 1000 }),
  };`;

/** The project in another folder, with no build of llama.cpp but these. Gives its command line. */
export async function checkoutWith(builds: Record<string, MadeUpBuild>): Promise<string> {
  const folder = await temporaryFolder();
  for (const part of ["bin", "pipeline", "package.json"])
    cpSync(join(project, part), join(folder, part), { recursive: true });
  for (const part of ["profiles", "datasets", "engines", ".venv"]) symlinkSync(join(project, part), join(folder, part));
  const packages = join(folder, "node_modules");
  mkdirSync(packages);
  for (const name of readdirSync(join(project, "node_modules"))) {
    if (name !== "@node-llama-cpp") symlinkSync(join(project, "node_modules", name), join(packages, name));
  }
  for (const [name, { addon, version = wantedVersion }] of Object.entries(builds)) {
    const root = join(packages, "@node-llama-cpp", name);
    // A folder of this name is loaded like the file.
    const place = join(root, "bins", name, "llama-addon.node");
    mkdirSync(place, { recursive: true });
    mkdirSync(join(root, "dist"));
    writeFileSync(join(root, "package.json"), JSON.stringify({ version, type: "module", exports: "./dist/index.js" }));
    writeFileSync(join(root, "dist", "index.js"), "");
    writeFileSync(join(place, "package.json"), JSON.stringify({ type: "commonjs", main: "index.js" }));
    writeFileSync(join(place, "index.js"), addon);
  }
  return join(folder, "bin", "sctir.js");
}
