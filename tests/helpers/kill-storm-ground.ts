import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadRecordings } from "../../pipeline/adapters/replay-engine/recordings.ts";
import { type ReplayServer, startReplayServer } from "../../pipeline/adapters/replay-engine/replay-server.ts";
import { newMarker } from "../adapters/sandbox/processes-by-marker.ts";
import { rowCount } from "./kill-storm-aims.ts";
import { startAdoptedSctir } from "./kill-storm-process.ts";
import {
  pathWithoutBubblewrap,
  type Variant,
  type VariantName,
  variants,
  writeWorkload,
} from "./kill-storm-workload.ts";

/** What a kind of run begins with, and what comes of one that is left alone. */
export interface Setting {
  variant: Variant;
  config: string;
  env: NodeJS.ProcessEnv;
  reference: string; // its directory
  milliseconds: number; // that it took
}

/** Where a storm takes place: a folder, a server that counts, and runs that are left alone. Gone when it is disposed. */
export class StormGround {
  readonly folder: string;
  /** What the programs of its runs are named after. */
  readonly marker = newMarker();
  /** Requests that the server has had. */
  requests = 0;
  readonly #settings = new Map<VariantName, Setting>();
  #server: ReplayServer | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async prepare(): Promise<StormGround> {
    const ground = new StormGround(await mkdtemp(join(tmpdir(), "sctir-storm-")));
    await mkdir(ground.temporary);
    await writeWorkload(join(ground.folder, "served"), ground.marker);
    ground.#server = await startReplayServer({
      recordings: await loadRecordings([{ file: join(ground.folder, "served/recordings.jsonl") }]),
      ...{ model: "replay", maxModelLen: 32768 },
      log: (line) => {
        if (line.startsWith("POST /v1/completions")) ground.requests += 1;
      },
    });
    return ground;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Where workers make their directories: empty when they have ended. */
  get temporary(): string {
    return join(this.folder, "temporary");
  }

  async setting(name: VariantName): Promise<Setting> {
    const known = this.#settings.get(name);
    if (known) return known;
    const variant: Variant = variants[name];
    const folder = join(this.folder, name);
    const engine = { kind: "vllm", baseUrl: this.#server?.url, model: "replay" };
    const served = variant.isServed ? { engine } : {};
    const config = await writeWorkload(folder, this.marker, { ...served, ...variant.rest });
    const env: NodeJS.ProcessEnv = {
      TMPDIR: this.temporary,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), "node-compile-cache"),
      ...(variant.withoutBubblewrap ? { PATH: await pathWithoutBubblewrap(join(folder, "path")) } : {}),
    };
    // Of a run that is cut short, parts are compared with those of a whole one.
    const leftAlone =
      variant.same === "everything" ? await this.#leaveAlone(variant, config, env) : await this.setting("embedded");
    const setting = { ...leftAlone, variant, config, env };
    this.#settings.set(name, setting);
    return setting;
  }

  async #leaveAlone(variant: Variant, config: string, env: NodeJS.ProcessEnv) {
    const reference = join(config, "../reference/run");
    const startedAt = performance.now();
    const requestsBefore = this.requests;
    const run = startAdoptedSctir(["run", config, "--out", reference], { env });
    const exitCode = await run.ended;
    const orphans = await run.orphans();
    if (exitCode !== 0 || orphans.length > 0) {
      throw new Error(`The run that was left alone ended with ${exitCode} and left [${orphans}]:\n${run.output()}`);
    }
    if (variant.isServed && this.requests - requestsBefore !== rowCount(reference)) {
      throw new Error("The run that was left alone sent other requests than its turns.");
    }
    return { reference, milliseconds: performance.now() - startedAt };
  }
}
