import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineProcess, startEngineProcess } from "../../../pipeline/adapters/llama-engine/engine-process.ts";
import type { Gpu } from "../../../pipeline/adapters/llama-engine/gpu.ts";
import { findBuild } from "../../../pipeline/adapters/llama-engine/installed-build.ts";
import { type AskedSettings, planSettings } from "../../../pipeline/adapters/llama-engine/memory-plan.ts";
import { readModelFile } from "../../../pipeline/adapters/llama-engine/model-file.ts";
import { type SmallModel, writeSmallGguf } from "../../helpers/small-gguf.ts";

export interface Served extends EngineProcess {
  post(path: string, body: object, signal?: AbortSignal): Promise<Response>;
  /** The first choice of a completion, and its usage. */
  complete(body: object): Promise<Completed>;
  metric(name: string): Promise<number>;
}

export interface Completed {
  text: string;
  finish_reason: string;
  stop_reason: string | number | null;
  token_ids?: number[];
  logprobs: { token_logprobs: number[]; top_logprobs: Record<string, number>[]; tokens: string[] } | null;
  usage: {
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
    prompt_tokens_details: { cached_tokens: number };
  };
}

export type Serving = SmallModel & AskedSettings & { repeatable?: boolean; path?: string; gpu?: Gpu | undefined };

/** Serves a small random model, or the file at `path`. */
export async function serveModel(options: Serving = {}): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "sctir-llama-"));
  const { repeatable = true, maxModelLen, sequences = 8, threads, path, gpu, gpuLayers, ...model } = options;
  const file = readModelFile(path ?? writeSmallGguf(join(folder, "small.gguf"), model));
  const settings = planSettings(file, { maxModelLen, sequences, threads, gpuLayers: gpuLayers ?? (gpu ? "all" : 0) });
  const served = await startEngineProcess({ build: gpu?.build ?? findBuild(), file, settings, repeatable });
  const root = served.url.replace(/\/v1$/u, "");
  const post = (path: string, body: object, signal?: AbortSignal) =>
    fetch(`${root}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  return {
    ...served,
    async close() {
      await served.close();
      rmSync(folder, { recursive: true });
    },
    post,
    async complete(body) {
      const response = await post("/v1/completions", { max_tokens: 24, ...body });
      const reply = (await response.json()) as { choices: [Completed]; usage: Completed["usage"]; error?: object };
      if (!response.ok) throw new Error(JSON.stringify(reply.error));
      return { ...reply.choices[0], usage: reply.usage };
    },
    async metric(name) {
      const page = await (await fetch(`${root}/metrics`)).text();
      return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "mu").exec(page)?.[1]);
    },
  };
}
