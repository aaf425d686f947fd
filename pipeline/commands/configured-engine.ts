import { openEngine } from "../adapters/openai-engine/open-engine.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { EngineConfig } from "../artifacts/run-config.ts";
import type { Engine } from "../stages/ports.ts";
import { printNote } from "./output.ts";

/** The engine of a config: a client of its server, or of the embedded one that replays recordings. */
export async function openConfiguredEngine(engine: EngineConfig, profile: Profile): Promise<Engine> {
  if (engine.kind === "replay") return openReplay(engine, profile);
  return openEngine({
    ...engine,
    baseUrls: engine.baseUrls ?? [engine.baseUrl ?? ""],
    apiKey: process.env[engine.apiKeyEnv],
    chat: profile.chat,
  });
}

async function openReplay(config: Extract<EngineConfig, { kind: "replay" }>, profile: Profile): Promise<Engine> {
  // Loaded only here: most runs have a server elsewhere.
  const { loadRecordings } = await import("../adapters/replay-engine/recordings.ts");
  const { startReplayServer } = await import("../adapters/replay-engine/replay-server.ts");
  const recordings = await loadRecordings(config.recordings, printNote);
  const server = await startReplayServer({
    recordings,
    model: config.model,
    maxModelLen: config.maxModelLen,
    templates: [profile.prompt],
  });
  const engine = openEngine({
    kind: "replay",
    baseUrls: [server.url],
    model: config.model,
    dialect: "vllm",
    transport: "completions",
    chat: profile.chat,
    requestTimeoutSeconds: 60,
    maxAttempts: 3,
  });
  return {
    async connect() {
      const { baseUrl: _, ...description } = await engine.connect(); // its port differs from run to run
      return description;
    },
    generate: (request) => engine.generate(request),
    async close() {
      await engine.close();
      await server.close();
    },
  };
}
