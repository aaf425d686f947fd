import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { DamagedFile } from "../adapters/run-directory/damaged-file.ts";
import { removeLeftovers } from "../adapters/run-directory/leftovers.ts";
import { readManifestRemains } from "../adapters/run-directory/manifest-remains.ts";
import { createRunDirectory, openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { lockRun, type RunLock } from "../adapters/run-directory/run-lock.ts";
import { copyFileAside } from "../adapters/run-directory/set-aside.ts";
import { manifestFile } from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "../stages/ports.ts";
import { printNote } from "./output.ts";
import { configHash, differingKeys, type LoadedConfig } from "./run-config-file.ts";
import { toolCommit, toolVersion } from "./tool-version.ts";

/** A run directory that this process has to itself, and its manifest. */
export class RunSession {
  readonly store: RunStore;
  manifest: Manifest;
  readonly lock: RunLock;
  /** Its manifest.json could not be read, and was made anew. */
  readonly isRemade: boolean;
  readonly #isRecorded: boolean; // whether changes go into manifest.json

  private constructor(
    store: RunStore,
    manifest: Manifest,
    lock: RunLock,
    { isRecorded = true, isRemade = false }: { isRecorded?: boolean; isRemade?: boolean } = {},
  ) {
    this.store = store;
    this.manifest = manifest;
    this.lock = lock;
    this.#isRecorded = isRecorded;
    this.isRemade = isRemade;
  }

  /**
   * Opens a directory for a config: begins a run there, or goes on with one of the same config. With `repair`, a
   * manifest that is damaged or lost is made again from the config.
   */
  static async open(directory: string, loaded: LoadedConfig, { repair = false } = {}): Promise<RunSession> {
    await createRunDirectory(directory);
    const lock = await lockRun(directory, { onNote: printNote });
    try {
      const store = await openRunDirectory(directory, lock);
      const { manifest, isRemade } = await openManifest(store, loaded, lock, repair);
      await removeLeftovers(directory);
      const session = new RunSession(store, manifest, lock, { isRemade });
      // Keys that cannot change an answer, such as the server's address, may have changed.
      if (session.manifest.state !== "complete") await session.update({ state: "running", config: loaded.config });
      return session;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Opens a directory as it is, for one stage. Without a manifest one is begun, unless `isByHand`: then the artifacts
   * are somebody's own, and no config is known that would have made them.
   */
  static async openStage(directory: string, loaded: LoadedConfig, isByHand: boolean): Promise<RunSession> {
    const lock = await lockRun(directory, { onNote: printNote });
    try {
      const store = await openRunDirectory(directory, lock);
      const earlier = await store.readManifest();
      await removeLeftovers(directory);
      const manifest = earlier ?? (await newManifest(directory, loaded));
      return new RunSession(store, manifest, lock, { isRecorded: !isByHand });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async update(change: Partial<Manifest>): Promise<void> {
    this.manifest = { ...this.manifest, ...change };
    if (this.#isRecorded) await this.store.writeManifest(this.manifest);
  }

  async recordStage(name: string, figures: Record<string, number>): Promise<void> {
    await this.update({ stages: { ...this.manifest.stages, [name]: figures } });
  }

  /** A stage that was done is to be done again, and all that follow. `notes` are kept with its figures until then. */
  async reopen(name: string, notes: Record<string, number> = {}): Promise<void> {
    const { [name]: figures, ...others } = this.manifest.stages;
    // How long generation took goes on counting.
    const kept = name === "generate" && figures ? { generate: { ...figures, ...notes, complete: 0 } } : {};
    await this.update({ state: "running", stages: { ...others, ...kept } });
  }

  /** When the run began, in milliseconds since the epoch. */
  get beganAt(): number {
    return Date.parse(this.manifest.createdAt);
  }

  async close(): Promise<void> {
    await this.lock.release();
  }
}

/** Where a run goes unless `--out` says: the same command goes on with the same directory. */
export function defaultRunDirectory(configPath: string): string {
  return join("results", basename(configPath).replace(/\.(ya?ml|json)$/u, ""));
}

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
async function openManifest(
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

async function newManifest(directory: string, { config, profile }: LoadedConfig): Promise<Manifest> {
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
