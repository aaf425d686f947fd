import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes, UserError } from "../../core/user-error.ts";

/** A build of llama.cpp that is installed: a package of its name holds it. */
export interface Build {
  name: string;
  version: string;
  folder: string;
  /** Libraries for an older GPU runtime, where the build's own cannot be loaded. */
  fallback: string | undefined;
  isForGpu: boolean;
}

/** What node-llama-cpp calls its builds, by machine. The ones for a GPU in the order in which they are tried. */
const builds: Record<string, { cpu: string; gpu: readonly string[] }> = {
  "linux-x64": { cpu: "linux-x64", gpu: ["linux-x64-cuda", "linux-x64-vulkan"] },
  "linux-arm64": { cpu: "linux-arm64", gpu: [] },
  "darwin-x64": { cpu: "mac-x64", gpu: [] },
  "darwin-arm64": { cpu: "mac-arm64-metal", gpu: ["mac-arm64-metal"] },
};

/** The build for this machine's processor. Throws a UserError where there is none. */
export function findBuild(): Build {
  const { cpu } = buildsHere();
  const build = installed(cpu, false);
  if (build !== undefined) return build;
  throw new UserError(`The package ${packageOf(cpu)}, which holds llama.cpp, is not installed.`, {
    hint: `Run in the project's folder: npm install --no-save ${packageOf(cpu)}\n${serverInstead}`,
    exitCode: exitCodes.unavailable,
  });
}

/** The builds for GPUs that are installed, one at least. Throws a UserError where there is none. */
export function findGpuBuilds(): Build[] {
  const { gpu } = buildsHere();
  if (gpu.length === 0) throw noBuild("build of llama.cpp for a GPU");
  const found = gpu.map((name) => installed(name, true)).filter((build) => build !== undefined);
  if (found.length > 0) return found;
  throw new UserError("engine.gpuLayers needs a build of llama.cpp for a GPU, and none is installed.", {
    hint: `Run in the project's folder:\n${gpu.map(installCommand).join("\n")}\n${processorInstead} ${serverInstead}`,
    exitCode: exitCodes.unavailable,
  });
}

/** Where a build has libraries, its own first. */
export function foldersOf({ folder, fallback }: Build): string[] {
  return fallback === undefined ? [folder] : [folder, fallback];
}

export const processorInstead = "Or leave engine.gpuLayers out, for the processor.";
export const serverInstead = "Or use a model server: engine.kind vllm (docs/engines.md).";

function installCommand(name: string): string {
  const command = `npm install --no-save ${packageOf(name)}`;
  switch (name) {
    case "linux-x64-cuda":
      return `${command}      # NVIDIA, with CUDA 13's libraries installed`;
    case "linux-x64-vulkan":
      return `${command}    # any GPU, with nothing but its driver`;
    default:
      return command;
  }
}

function buildsHere(): { cpu: string; gpu: readonly string[] } {
  const here = builds[`${process.platform}-${process.arch}`];
  if (here === undefined || isMusl()) throw noBuild("build of llama.cpp");
  return here;
}

function noBuild(what: string): UserError {
  const machine = `${process.platform} on ${process.arch}${isMusl() ? " with musl" : ""}`;
  return new UserError(`There is no ${what} for ${machine}.`, {
    hint: serverInstead,
    exitCode: exitCodes.unavailable,
  });
}

/** Another version's interface may be another one. */
function installed(name: string, isForGpu: boolean): Build | undefined {
  const root = rootOf(name);
  if (root === undefined) return undefined;
  const extension = rootOf(`${name}-ext`);
  return {
    ...{ name, version: wantedVersion(), isForGpu },
    folder: join(root, "bins", name),
    fallback: extension === undefined ? undefined : join(extension, "bins", name, "fallback"),
  };
}

/** The folder of a build's package, if that is installed in the version that is wanted. */
function rootOf(name: string): string | undefined {
  try {
    // It exports dist/index.js and nothing else.
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(`@node-llama-cpp/${name}`))));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return version === wantedVersion() ? root : undefined;
  } catch {
    return undefined;
  }
}

function packageOf(name: string): string {
  return `@node-llama-cpp/${name}@${wantedVersion()}`;
}

/** The version that package.json names for the build that it installs by itself. */
function wantedVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { optionalDependencies } = JSON.parse(text) as { optionalDependencies: Record<string, string> };
  return optionalDependencies["@node-llama-cpp/linux-x64"] ?? "latest";
}

/** Node built with musl tells no version of glibc. */
function isMusl(): boolean {
  if (process.platform !== "linux") return false;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}
