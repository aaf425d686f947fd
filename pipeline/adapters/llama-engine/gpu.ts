import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Compute } from "../../artifacts/manifest.ts";
import { exitCodes, UserError } from "../../core/user-error.ts";
import { type Build, findGpuBuilds, processorInstead, serverInstead } from "./installed-build.ts";

/** What a build for GPUs finds on this machine. */
export interface FoundDevices {
  backend: Compute["backend"];
  devices: string[]; // their names, one at least
  freeBytes: number | null; // of all of them together; null where they do not tell
}

export type Probed = FoundDevices | { fault: string };

/** A build for GPUs, and the devices that it can use. */
export interface Gpu extends FoundDevices {
  build: Build;
}

const probeSeconds = 120; // drivers may be slow to start

/** The first installed build that has a device. Throws a UserError where none has: the processor never steps in. */
export async function findGpu(): Promise<Gpu> {
  const faults: string[] = [];
  for (const build of findGpuBuilds()) {
    const probed = await probe(build);
    if (!("fault" in probed)) return { build, ...probed };
    faults.push(`\n  @node-llama-cpp/${build.name}: ${probed.fault}`);
  }
  throw new UserError(`llama.cpp finds no GPU that it can use.${faults.join("")}`, {
    hint: `See docs/engines.md, "GPU builds": a driver or a library may be missing.\n${processorInstead} ${serverInstead}`,
    exitCode: exitCodes.unavailable,
  });
}

async function probe(build: Build): Promise<Probed> {
  const script = fileURLToPath(new URL("gpu-probe.ts", import.meta.url));
  const { stdout, exitCode, signal, timedOut } = await execa(process.execPath, [script, JSON.stringify(build)], {
    ...{ reject: false, stdin: "ignore", stderr: "ignore" },
    ...{ timeout: 1000 * probeSeconds, forceKillAfterDelay: 1000 },
  });
  if (stdout !== "") return JSON.parse(stdout) as Probed;
  return { fault: timedOut ? `no answer within ${probeSeconds} s` : `its process ended with ${signal ?? exitCode}` };
}
