import { basename, join } from "node:path";
import { removeLeftovers } from "../adapters/run-directory/leftovers.ts";
import { createRunDirectory, openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { lockRun, type RunLock } from "../adapters/run-directory/run-lock.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { UserError } from "../core/user-error.ts";
import type { RunStore } from "../stages/ports.ts";
import { printNote } from "./output.ts";
import type { LoadedConfig } from "./run-config-file.ts";
import { newManifest, openManifest } from "./run-manifest.ts";

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
  const name = basename(configPath).replace(/\.(ya?ml|json)$/u, "");
  if (!/^\.*$/u.test(name)) return join("results", name);
  throw new UserError(`${configPath} gives no name to a run directory.`, { hint: "Choose one with --out." });
}
