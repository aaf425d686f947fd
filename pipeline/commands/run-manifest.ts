import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { DamagedFile } from "../adapters/run-directory/damaged-file.ts";
import { readManifestRemains } from "../adapters/run-directory/manifest-remains.ts";
import type { RunLock } from "../adapters/run-directory/run-lock.ts";
import { copyFileAside } from "../adapters/run-directory/set-aside.ts";
import { manifestFile } from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "../stages/ports.ts";
import { printNote } from "./output.ts";
import { configHash, differingKeys, type LoadedConfig } from "./run-config-file.ts";
import { toolCommit, toolVersion } from "./tool-version.ts";

/** Throws a UserError that names the keys in which a config could lead to other results than the run's own. */
export function checkSameConfig(directory: string, earlier: Manifest, { config }: LoadedConfig): void {
  const keys = differingKeys(earlier.config, config);
  if (keys.length === 0) return;
  throw new UserError(`${directory} holds a run of another config. It differs in: ${keys.join(", ")}.`, {
    hint: "Choose another directory with --out, or make the config equal again to go on with this run.",
  });
}

interface OpenedManifest {
  manifest: Manifest;
  isRemade: boolean;
}

/** The manifest of a run of this config, or a new one. Where it is damaged or lost, that takes `repair`. */
export async function openManifest(
  store: RunStore,
  loaded: LoadedConfig,
  lock: RunLock,
  repair: boolean,
): Promise<OpenedManifest> {
  const { directory } = store;
  try {
    const manifest = await store.readManifest();
    if (manifest) {
      checkSameConfig(directory, manifest, loaded);
      return { manifest, isRemade: false };
    }
  } catch (error) {
    if (!repair || !(error instanceof DamagedFile)) throw error;
    const remade = await remadeManifest(directory, loaded);
    printNote(`repair: ${error.message}`);
    const name = await copyFileAside(join(directory, manifestFile), error.message, lock);
    printNote(`  set aside as ${name}, made again from the config`);
    return remade;
  }
  const artifacts = (await readdir(directory)).filter((name) => artifactNames.test(name));
  if (artifacts.length === 0) return { manifest: await newManifest(directory, loaded), isRemade: false };
  if (!repair) throw noRun(directory, artifacts);
  const remade = await remadeManifest(directory, loaded);
  printNote(`repair: ${join(directory, manifestFile)} is missing; made again from the config`);
  return remade;
}

async function remadeManifest(directory: string, loaded: LoadedConfig): Promise<OpenedManifest> {
  const { runId, createdAt, configHash: hash } = await readManifestRemains(directory);
  if (hash !== undefined && hash !== configHash(loaded.config)) {
    throw new UserError(`${directory} holds a run of another config, as its damaged manifest.json still tells.`, {
      hint: "Give the config that the run began with, with the same --set, or choose another directory with --out.",
    });
  }
  const manifest = await newManifest(directory, loaded);
  return {
    manifest: { ...manifest, runId: runId ?? manifest.runId, createdAt: createdAt ?? manifest.createdAt },
    isRemade: true,
  };
}

const artifactNames = /\.jsonl$|^summary\.json$/u;

function noRun(directory: string, found: readonly string[]): UserError {
  return new UserError(
    `${directory} holds ${found.join(", ")} but no manifest.json: it is no run that can be resumed.`,
    {
      hint:
        "Choose another directory with --out. If it is a run of this config whose manifest was lost, --repair makes " +
        "that again. Single stages (sctir vote DIR, …) work on hand-written artifacts.",
    },
  );
}

export async function newManifest(directory: string, { config, profile }: LoadedConfig): Promise<Manifest> {
  return {
    formatVersion: 1,
    runId: basename(resolve(directory)),
    createdAt: new Date().toISOString(),
    tool: { version: toolVersion(), commit: await toolCommit() },
    config,
    configHash: configHash(config),
    profile,
    datasets: [],
    state: "running",
    stages: {},
  };
}
