import type { Profile } from "../artifacts/profile.ts";
import type { EngineConfig } from "../artifacts/run-config.ts";
import type { Clock, Engine, Journal, PythonSandbox } from "../stages/ports.ts";

export interface ConfiguredEngine {
  engine: Engine;
  /** Of an emulated engine: the time that it runs on, and everything with it. */
  time?: EngineTime;
}

/** A time that is not the world's. */
export interface EngineTime {
  clock: Clock;
  /** Whether programs are really run, so that a sandbox is needed. */
  runsPrograms: boolean;
  /** The same, on this time. */
  ports(real: { sandbox: PythonSandbox; journal: Journal }): { sandbox: PythonSandbox; journal: Journal };
}

/** The engine of a config: a client of its server, or of an embedded one. Each is loaded only where it is used. */
export async function openConfiguredEngine(engine: EngineConfig, profile: Profile): Promise<ConfiguredEngine> {
  if (engine.kind === "replay") {
    const { openEmbeddedEngine } = await import("./embedded-engine.ts");
    return openEmbeddedEngine(engine, profile);
  }
  if (engine.kind === "llama") {
    const { openLlamaEngine } = await import("./llama-engine.ts");
    return { engine: openLlamaEngine(engine, profile) };
  }
  const { openEngine } = await import("../adapters/openai-engine/open-engine.ts");
  return {
    engine: openEngine({
      ...engine,
      baseUrls: engine.baseUrls ?? [engine.baseUrl ?? ""],
      apiKey: process.env[engine.apiKeyEnv],
      chat: profile.chat,
    }),
  };
}
