// A process of its own, as drivers may end theirs: loads a build for GPUs, and writes what it finds as a `Probed`.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { loadAddon } from "./addon.ts";
import type { Probed } from "./gpu.ts";
import { type Build, foldersOf } from "./installed-build.ts";

async function probe(build: Build): Promise<Probed> {
  try {
    const addon = await loadAddon(build, () => {});
    const backend = addon.getGpuType();
    const { deviceNames: devices } = addon.getGpuDeviceInfo();
    if (!backend || devices.length === 0) return { fault: libraryFault(build) ?? "it finds no device" };
    const { total, used } = addon.getGpuVramInfo();
    return { backend, devices, freeBytes: total > 0 ? total - used : null };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

/** llama.cpp passes over a GPU library that cannot be loaded, and does not say why. The loader does. */
function libraryFault(build: Build): string | undefined {
  const libraries = foldersOf(build).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^libggml-(?:cuda|vulkan)\.so$/u.test(name))
      .map((name) => join(folder, name)),
  );
  const faults = libraries.map(loaderFault).filter((fault) => fault !== undefined);
  return faults.length > 0 && faults.length === libraries.length ? faults.join("; ") : undefined;
}

/** Undefined where the library can be loaded; that it is no addon is no fault. */
function loaderFault(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!message.startsWith("Module did not self-register")) return message;
  }
  return undefined;
}

const [build = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await probe(JSON.parse(build) as Build)));
