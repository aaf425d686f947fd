import { readdir, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { lockRun } from "../adapters/run-directory/run-lock.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "../stages/ports.ts";
import { configHash, differingKeys, type LoadedConfig } from "./run-config-file.ts";
import { toolCommit, toolVersion } from "./tool-version.ts";

/** A run directory that this process has to itself, and its manifest. */
export class RunSession {
  readonly store: RunStore;
  manifest: Manifest;
  readonly #unlock: () => Promise<void>;
  readonly #isRecorded: boolean; // whether changes go into manifest.json

  private constructor(store: RunStore, manifest: Manifest, unlock: () => Promise<void>, isRecorded = true) {
    this.store = store;
    this.manifest = manifest;
    this.#unlock = unlock;
    this.#isRecorded = isRecorded;
  }

  /** Opens a directory for a config: begins a run there, or goes on with one of the same config. */
  static async open(directory: string, loaded: LoadedConfig): Promise<RunSession> {
    const store = await openRunDirectory(directory, { create: true });
    const unlock = await lockRun(directory);
    try {
      const earlier = await store.readManifest();
      if (earlier) checkSameConfig(directory, earlier, loaded);
      else await checkUnused(directory);
      await removeLeftovers(directory);
      const session = new RunSession(store, earlier ?? (await newManifest(directory, loaded)), unlock);
      // Keys that cannot change an answer, such as the server's address, may have changed.
      if (session.manifest.state !== "complete") await session.update({ state: "running", config: loaded.config });
      return session;
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /**
   * Opens a directory as it is, for one stage. Without a manifest one is begun, unless `isByHand`: then the artifacts
   * are somebody's own, and no config is known that would have made them.
   */
  static async openStage(directory: string, loaded: LoadedConfig, isByHand: boolean): Promise<RunSession> {
    const store = await openRunDirectory(directory);
    const unlock = await lockRun(directory);
    try {
      const earlier = await store.readManifest();
      return new RunSession(store, earlier ?? (await newManifest(directory, loaded)), unlock, !isByHand);
    } catch (error) {
      await unlock();
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

  /** Milliseconds since the run began, over all its processes. */
  get beganAt(): number {
    return Date.parse(this.manifest.createdAt);
  }

  async close(): Promise<void> {
    await this.#unlock();
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

const artifactNames = /\.jsonl$|^summary\.json$/u;

async function checkUnused(directory: string): Promise<void> {
  const found = (await readdir(directory)).filter((name) => artifactNames.test(name));
  if (found.length === 0) return;
  throw new UserError(
    `${directory} holds ${found.join(", ")} but no manifest.json: it is no run that can be resumed.`,
    {
      hint: "Choose another directory with --out. Single stages (sctir vote DIR, …) work on hand-written artifacts.",
    },
  );
}

/** Temporary files of a process that was killed while it wrote. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/\.\d+\.tmp$|^run\.lock\../u.test(name)) await rm(join(directory, name), { force: true });
  }
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
