import { closest } from "fastest-levenshtein";
import { z } from "zod";
import { exitCodes, UserError } from "../../core/user-error.ts";
import type { EngineDescription } from "../../stages/ports.ts";
import { backOff } from "./back-off.ts";
import type { EnginePorts, OpenEngineConfig } from "./engine-config.ts";
import { exchange } from "./exchange.ts";
import { readGeneration } from "./generation-reply.ts";
import { conversationOf, generationCall } from "./request-body.ts";
import type { RequestFailure } from "./request-failure.ts";
import type { ServerClient } from "./server-client.ts";
import { jsonExcerpt, oneLine } from "./server-message.ts";

const connectTimeoutSeconds = 10;
const connectAttempts = 3;

const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), max_model_len: z.number().int().positive().nullish().catch(undefined) })),
});
const versionSchema = z.object({ version: z.string() });

interface ServerDescription {
  version?: string;
  maxModelLen?: number;
}

/**
 * Looks for each server and its model. Throws a UserError about the first, in the config's order, that is not right;
 * where one will do, only if none is.
 */
export async function connectServers(
  config: OpenEngineConfig,
  servers: readonly ServerClient[],
  ports: Required<EnginePorts> & { signal: AbortSignal },
  needed: "all" | "one" = "all",
): Promise<EngineDescription> {
  const settled = await Promise.allSettled(servers.map((server) => describeServer(config, server, ports)));
  const described = settled.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  const wrong = settled.find((result) => result.status === "rejected");
  if (wrong && (needed === "all" || described.length === 0)) throw wrong.reason;
  const lengths = [config.maxModelLen, ...described.map(({ maxModelLen }) => maxModelLen)].filter(
    (length) => length !== undefined,
  );
  const versions = [...new Set(described.map(({ version }) => version).filter((version) => version !== undefined))];
  return {
    kind: config.kind ?? "vllm",
    baseUrl: servers.map(({ baseUrl }) => baseUrl).join(", "),
    model: config.model,
    ...(versions.length > 0 ? { serverVersion: versions.join(", ") } : {}),
    ...(lengths.length > 0 ? { maxModelLen: Math.min(...lengths) } : {}),
  };
}

async function describeServer(
  config: OpenEngineConfig,
  server: ServerClient,
  ports: Required<EnginePorts> & { signal: AbortSignal },
): Promise<ServerDescription> {
  const models = await askForModels(config, server, ports);
  const served = models.map(({ id }) => id);
  const model = models.find(({ id }) => id === config.model);
  if (model === undefined && !(await servesUnlisted(config, served, server, ports))) {
    throw notServed(config.model, served, server.baseUrl);
  }
  const answer = await exchange(server, `${server.rootUrl}/version`, undefined, {
    ...ports,
    timeoutSeconds: connectTimeoutSeconds,
  });
  const version = versionSchema.safeParse(answer.kind === "reply" ? answer.body : undefined);
  return {
    ...(version.success ? { version: version.data.version } : {}),
    ...(typeof model?.max_model_len === "number" ? { maxModelLen: model.max_model_len } : {}),
  };
}

/**
 * Whether a server of the openai dialect generates with a model that it does not list, as transformers serve does with
 * a local folder: it lists its download cache. Such a server names the model it used as `model@revision`. An echo of the
 * name is no proof where other models are listed: llama-server answers to any name with the one model it has.
 */
async function servesUnlisted(
  config: OpenEngineConfig,
  served: readonly string[],
  server: ServerClient,
  ports: Required<EnginePorts> & { signal: AbortSignal },
): Promise<boolean> {
  if (config.dialect !== "openai") return false;
  const request = { ...smallestRequest, statement: "1", prompt: "1", text: "" };
  const conversation = conversationOf(config, request);
  const sent = { maxTokens: 1, requestId: request.requestId };
  const call = generationCall({ ...config, streaming: false }, request, conversation, sent);
  const answer = await exchange(server, call.path, call.body, {
    ...ports,
    timeoutSeconds: config.requestTimeoutSeconds, // it may have to load the model first
    headers: call.headers,
  });
  if (answer.kind !== "reply" || readGeneration(answer.body, config, request, 1).kind !== "text") return false;
  const named = z.object({ model: z.string() }).safeParse(answer.body).data?.model;
  return served.length === 0 || (named?.startsWith(`${config.model}@`) ?? false);
}

const smallestRequest = {
  requestId: "connect:0:0:0",
  maxTokens: 1,
  temperature: 0,
  topP: 1,
  seed: 0,
  stop: [],
  keepStop: false,
};

async function askForModels(
  config: OpenEngineConfig,
  server: ServerClient,
  ports: Required<EnginePorts> & { signal: AbortSignal },
): Promise<z.infer<typeof modelsSchema>["data"]> {
  const { baseUrl } = server;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await exchange(server, "/models", undefined, { ...ports, timeoutSeconds: connectTimeoutSeconds });
    if (answer.kind === "aborted") throw new UserError("The search for the model server was broken off.", unavailable);
    if (answer.kind === "reply") {
      const models = modelsSchema.safeParse(answer.body);
      if (models.success) return models.data.data;
      throw notAModelServer(baseUrl, `${baseUrl}/models answered ${show(answer.body)}`);
    }
    const { failure } = answer;
    if (failure.kind === "nonsense") throw notAModelServer(baseUrl, `${baseUrl}/models answered with ${failure.fault}`);
    if (failure.status === undefined) throw noAnswer(baseUrl, failure);
    if (!failure.passing || attempt + 1 >= connectAttempts) throw refusal(config, baseUrl, failure.status, failure);
    await ports.sleep(backOff(attempt, ports.random(), failure.retryAfterSeconds), ports.signal);
  }
}

const unavailable = { exitCode: exitCodes.unavailable };

/** Throws a UserError if an engine that was away has a shorter context than the run began with. */
export function checkContext({ baseUrl, maxModelLen: now }: EngineDescription, before: number | undefined): void {
  if (now === undefined || before === undefined || now >= before) return;
  throw new UserError(`The server at ${baseUrl} has a context of ${now} tokens now. The run began with ${before}.`, {
    hint: `Start it as it was (vllm serve --max-model-len ${before}), so that no candidate ends for want of context.`,
    ...unavailable,
  });
}

function noAnswer(baseUrl: string, failure: RequestFailure): UserError {
  return new UserError(`No model server answers at ${baseUrl} (${failure.fault}).`, {
    hint: `Start it and wait until it is ready, for example with: vllm serve MODEL --port ${portOf(baseUrl)} --generation-config vllm. Or set engine.baseUrl to where it listens.`,
    ...unavailable,
  });
}

function refusal(config: OpenEngineConfig, baseUrl: string, status: number, failure: RequestFailure): UserError {
  if (status === 401 || status === 403) {
    const variable = config.apiKeyEnv ?? "VLLM_API_KEY";
    return new UserError(
      config.apiKey
        ? `The model server at ${baseUrl} does not accept the API key in ${variable} (HTTP ${status}).`
        : `The model server at ${baseUrl} asks for an API key (HTTP ${status}), and ${variable} is not set.`,
      {
        hint: `Put the key the server was started with (vllm serve --api-key) in the environment variable ${variable}, or name another variable in engine.apiKeyEnv.`,
        ...unavailable,
      },
    );
  }
  if (!failure.passing && status < 500) return notAModelServer(baseUrl, `${baseUrl}/models answered ${status}`);
  return new UserError(`The model server at ${baseUrl} is not ready (${failure.fault}).`, {
    hint: "Wait until it has loaded its model, or look for an error in its log. Then start the same command again.",
    ...unavailable,
  });
}

function notAModelServer(baseUrl: string, said: string): UserError {
  const path = /\/v\d+$/u.test(baseUrl) ? "" : ` A base URL of vLLM ends in /v1: is it ${baseUrl}/v1?`;
  return new UserError(`What answers at ${baseUrl} is not a model server: ${said}.`, {
    hint: `Set engine.baseUrl to a server that has /v1/models and /v1/completions.${path}`,
    ...unavailable,
  });
}

function notServed(model: string, served: readonly string[], baseUrl: string): UserError {
  if (served.length === 0) {
    return new UserError(`The model server at ${baseUrl} serves no model at all.`, {
      hint: `Start it with ${JSON.stringify(model)}, or wait until it has loaded it.`,
      ...unavailable,
    });
  }
  const nearest = closest(model, served);
  return new UserError(
    `The model server at ${baseUrl} does not serve ${JSON.stringify(model)}. It serves: ${oneLine(served.join(", "), 600)}.`,
    {
      hint: `Set engine.model to ${JSON.stringify(nearest)}, or start the server with --served-model-name ${model}.`,
      ...unavailable,
    },
  );
}

function show(body: unknown): string {
  return jsonExcerpt(body, 80) || "with an empty body";
}

function portOf(baseUrl: string): string {
  return new URL(baseUrl).port || "8000";
}
