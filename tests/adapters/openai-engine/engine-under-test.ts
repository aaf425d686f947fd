import { onTestFinished } from "vitest";
import type { EnginePorts, OpenEngineConfig } from "../../../pipeline/adapters/openai-engine/engine-config.ts";
import { openEngine } from "../../../pipeline/adapters/openai-engine/open-engine.ts";
import type { Engine, Generation, GenerationRequest, NoGeneration } from "../../../pipeline/stages/ports.ts";
import {
  type ScriptedEngine,
  type ScriptedEngineOptions,
  type ScriptedReply,
  type ScriptedRequest,
  startScriptedEngine,
} from "../../helpers/scripted-engine.ts";

export const fence = "```output\n";

export function aRequest(fields: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    requestId: "set/p:1:0:2:0",
    statement: "What is 2 + 2?",
    prompt: "### Problem: What is 2 + 2?\n### Solution: ",
    text: "",
    maxTokens: 100,
    temperature: 0.8,
    topP: 0.95,
    seed: 1234,
    stop: [fence],
    keepStop: true,
    ...fields,
  };
}

export interface UnderTest {
  engine: Engine;
  server: ScriptedEngine;
  waits: number[]; // milliseconds that the engine would have slept
  generate: (fields?: Partial<GenerationRequest>) => Promise<Generation | NoGeneration>;
}

/** An engine on one scripted server; both end with the test. Waits between attempts take no time. */
export async function engineOn(
  reply: (request: ScriptedRequest) => ScriptedReply,
  config: Partial<OpenEngineConfig> = {},
  options: ScriptedEngineOptions = {},
  ports: EnginePorts = {},
): Promise<UnderTest> {
  const server = await aServer(reply, options);
  const waits: number[] = [];
  const engine = anEngine({ baseUrls: [server.baseUrl], ...config }, { ...instantly(waits), ...ports });
  return { engine, server, waits, generate: (fields) => engine.generate(aRequest(fields)) };
}

export async function aServer(
  reply: (request: ScriptedRequest) => ScriptedReply = () => "Yes.",
  options: ScriptedEngineOptions = {},
): Promise<ScriptedEngine> {
  const server = await startScriptedEngine(reply, options);
  onTestFinished(() => server.close());
  return server;
}

export function anEngine(
  config: Partial<OpenEngineConfig> & Pick<OpenEngineConfig, "baseUrls">,
  ports: EnginePorts = instantly(),
): Engine {
  const engine = openEngine(
    {
      model: "scripted",
      dialect: "vllm",
      transport: "completions",
      chat: { user: "{problem}" },
      requestTimeoutSeconds: 5,
      maxAttempts: 3,
      ...config,
    },
    ports,
  );
  onTestFinished(() => engine.close());
  return engine;
}

export function instantly(waits: number[] = []): EnginePorts {
  return {
    random: () => 0,
    async sleep(milliseconds) {
      waits.push(milliseconds);
    },
  };
}
