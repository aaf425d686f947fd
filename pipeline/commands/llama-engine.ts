import { Agent, request } from "undici";
import { z } from "zod";
import { type EngineProcess, startEngineProcess } from "../adapters/llama-engine/engine-process.ts";
import { findBuild } from "../adapters/llama-engine/installed-build.ts";
import { type ModelFile, readModelFile, sha256Of } from "../adapters/llama-engine/model-file.ts";
import { planEngine } from "../adapters/llama-engine/planned-engine.ts";
import { openEngine } from "../adapters/openai-engine/open-engine.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { LlamaEngineConfig } from "../artifacts/run-config.ts";
import { UserError } from "../core/user-error.ts";
import type { Engine, EngineDescription } from "../stages/ports.ts";

const tokenizedSchema = z.object({ count: z.number() });
const direct = new Agent(); // Node's own may have been told to use a proxy

interface Running {
  process: EngineProcess;
  client: Engine;
  description: EngineDescription;
}

/**
 * A model in a process of its own, and the client of the server there. `connect` starts it, and starts it anew where it has
 * ended.
 */
export function openLlamaEngine(config: LlamaEngineConfig, profile: Profile): Engine {
  let running: Running | undefined;
  const clients: Engine[] = []; // an earlier one still has requests that are to fail, not to be aborted
  let sha256: string | undefined;

  async function start(): Promise<Running> {
    const file = readModelFile(config.model);
    checkChat(config, file);
    const { settings, gpu, compute } = await planEngine(file, config);
    const [process, digest] = await Promise.all([
      startEngineProcess({ build: gpu?.build ?? findBuild(), file, settings, repeatable: config.repeatable }),
      sha256 ?? sha256Of(file.path),
    ]);
    sha256 = digest;
    const client = clientOf(process.url, file.name, config, profile);
    try {
      const { baseUrl: _, ...description } = await client.connect(); // its port differs from run to run
      const { path, quantization } = file;
      return { process, client, description: { ...description, file: { path, sha256, quantization }, compute } };
    } catch (error) {
      await Promise.all([client.close(), process.close()]); // another try starts another one
      throw error;
    }
  }

  return {
    async connect() {
      if (!running?.process.isRunning()) {
        running = await start();
        clients.push(running.client);
      }
      return running.description;
    },
    async generate(wanted) {
      if (running === undefined) throw new Error("the engine is not connected");
      return running.client.generate(wanted);
    },
    async promptTokens(prompt) {
      const url = running?.process.url.replace(/\/v1$/u, "/tokenize");
      if (url === undefined) throw new Error("the engine is not connected");
      const { body } = await request(url, { method: "POST", body: JSON.stringify({ prompt }), dispatcher: direct });
      return tokenizedSchema.parse(await body.json()).count;
    },
    load: async () => running?.client.load?.(),
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await running?.process.close();
    },
  };
}

function clientOf(url: string, model: string, config: LlamaEngineConfig, { chat }: Profile): Engine {
  const { transport, streaming, requestTimeoutSeconds } = config;
  return openEngine({
    ...{ kind: "llama", baseUrls: [url], model, dialect: "vllm", transport, chat, streaming, requestTimeoutSeconds },
    maxAttempts: 3,
  });
}

function checkChat({ transport }: LlamaEngineConfig, { path, chatTemplate }: ModelFile): void {
  if (transport !== "chat" || chatTemplate !== undefined) return;
  throw new UserError(`${path} has no chat template, which transport: chat needs.`, {
    hint: "Set engine.transport to completions: the profile's prompt is sent as text then.",
  });
}
