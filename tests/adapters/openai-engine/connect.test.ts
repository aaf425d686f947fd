import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { OpenEngineConfig } from "../../../pipeline/adapters/openai-engine/engine-config.ts";
import { exitCodes, UserError } from "../../../pipeline/core/user-error.ts";
import type { ScriptedReply } from "../../helpers/scripted-engine.ts";
import { anEngine, aServer } from "./engine-under-test.ts";

async function complaint(config: Partial<OpenEngineConfig> & Pick<OpenEngineConfig, "baseUrls">): Promise<UserError> {
  try {
    await anEngine(config).connect();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("No complaint.");
}

const modelsAnswer = (reply: ScriptedReply) =>
  aServer(undefined, { intercept: (path) => (path.endsWith("/models") ? reply : undefined) });

describe("connect", () => {
  it("describes the server", async () => {
    const server = await aServer();
    expect(await anEngine({ baseUrls: [`${server.baseUrl}/`] }).connect()).toEqual({
      kind: "vllm",
      baseUrl: server.baseUrl,
      model: "scripted",
      serverVersion: "0.99.0-scripted",
      maxModelLen: 8192,
    });
    expect(server.others.map(({ path }) => path)).toEqual(["/v1/models", "/version"]);
  });

  it("does without what a server does not tell", async () => {
    const server = await aServer(undefined, { version: null, maxModelLen: null });
    expect(await anEngine({ baseUrls: [server.baseUrl], kind: "replay" }).connect()).toEqual({
      kind: "replay",
      baseUrl: server.baseUrl,
      model: "scripted",
    });
  });

  it("gives the smallest context of several servers, and all their versions", async () => {
    const large = await aServer(undefined, { maxModelLen: 9000, version: "1" });
    const small = await aServer(undefined, { maxModelLen: 4000, version: "2" });
    expect(await anEngine({ baseUrls: [large.baseUrl, small.baseUrl] }).connect()).toMatchObject({
      baseUrl: `${large.baseUrl}, ${small.baseUrl}`,
      serverVersion: "1, 2",
      maxModelLen: 4000,
    });
  });

  it("waits for a server that is just starting", async () => {
    let asked = 0;
    const server = await aServer(undefined, {
      intercept: (path) => (path === "/v1/models" && ++asked < 3 ? { status: 503 } : undefined),
    });
    expect(await anEngine({ baseUrls: [server.baseUrl] }).connect()).toMatchObject({ maxModelLen: 8192 });
  });

  it("says that nothing listens", async () => {
    const server = await aServer();
    await server.close();
    const error = await complaint({ baseUrls: [server.baseUrl] });
    expect(error.message).toBe(
      `No model server answers at ${server.baseUrl} (nothing listens there (connection refused)).`,
    );
    expect(error.hint).toContain(`vllm serve MODEL --port ${new URL(server.url).port}`);
    expect(error.exitCode).toBe(exitCodes.unavailable);
  });

  it("says which of several servers is missing", async () => {
    const [here, gone] = [await aServer(), await aServer()];
    await gone.close();
    expect((await complaint({ baseUrls: [here.baseUrl, gone.baseUrl] })).message).toContain(gone.baseUrl);
  });

  it("says which variable a missing key belongs in", async () => {
    const server = await aServer(undefined, { apiKey: "secret" });
    const error = await complaint({ baseUrls: [server.baseUrl], apiKeyEnv: "MY_KEY" });
    expect(error.message).toContain("asks for an API key (HTTP 401), and MY_KEY is not set");
    expect(error.exitCode).toBe(exitCodes.unavailable);
  });

  it("says that a key is wrong, without showing it", async () => {
    const server = await aServer(undefined, { apiKey: "secret" });
    const error = await complaint({ baseUrls: [server.baseUrl], apiKey: "guessed" });
    expect(error.message).toContain("does not accept the API key in VLLM_API_KEY");
    expect(`${error.message} ${error.hint}`).not.toContain("guessed");
  });

  it("says which models are served, and suggests the nearest", async () => {
    const server = await aServer(undefined, { models: ["numina-7b-tir", "tora-7b"] });
    const error = await complaint({ baseUrls: [server.baseUrl], model: "numina-7b-tri" });
    expect(error.message).toContain('does not serve "numina-7b-tri". It serves: numina-7b-tir, tora-7b.');
    expect(error.hint).toContain('Set engine.model to "numina-7b-tir"');
    expect(error.exitCode).toBe(exitCodes.unavailable);
  });

  it("says that no model is served", async () => {
    const server = await aServer(undefined, { models: [] });
    expect((await complaint({ baseUrls: [server.baseUrl] })).message).toContain("serves no model at all");
  });

  it("takes an unlisted model that a server of the openai dialect names as the one it used", async () => {
    const completion = (model: string) =>
      JSON.stringify({ model, choices: [{ text: "2", finish_reason: "length" }], usage: null });
    const openai = { model: "my/folder", dialect: "openai" } as const;
    const loader = await aServer(() => ({ raw: completion("my/folder@main") }), { models: ["other"] });
    expect(await anEngine({ baseUrls: [loader.baseUrl], ...openai }).connect()).toMatchObject({ model: "my/folder" });
    const echo = await aServer(() => ({ raw: completion("my/folder") }), { models: ["other"] });
    expect((await complaint({ baseUrls: [echo.baseUrl], ...openai })).message).toContain("It serves: other.");
    const broken = await aServer(() => ({ status: 500 }), { models: [] });
    expect((await complaint({ baseUrls: [broken.baseUrl], ...openai })).message).toContain("serves no model at all");
  });

  it.each<[string, ScriptedReply]>([
    ["a web page", { raw: "<html>It works!</html>", contentType: "text/html" }],
    ["other JSON", { raw: '{"status":"ok"}' }],
    ["broken JSON", { raw: "{" }],
    ["nothing", { raw: "" }],
    ["404", { status: 404, message: "Not Found" }],
  ])("says that it is not a model server: %s", async (_, reply) => {
    const server = await modelsAnswer(reply);
    const error = await complaint({ baseUrls: [server.baseUrl] });
    expect(error.message).toContain(`What answers at ${server.baseUrl} is not a model server`);
    expect(error.exitCode).toBe(exitCodes.unavailable);
  });

  it("suggests /v1 where the base URL lacks it", async () => {
    const server = await aServer();
    expect((await complaint({ baseUrls: [server.url] })).hint).toContain(`is it ${server.baseUrl}?`);
  });

  it("says that a server is not ready", async () => {
    const server = await modelsAnswer({ status: 503, message: "loading" });
    const error = await complaint({ baseUrls: [server.baseUrl] });
    expect(error.message).toContain("is not ready (HTTP 503: loading)");
    expect(error.exitCode).toBe(exitCodes.unavailable);
  });
});

describe("connecting again", () => {
  it("needs one of several servers", async () => {
    const servers = [await aServer(), await aServer()] as const;
    const engine = anEngine({ baseUrls: servers.map(({ baseUrl }) => baseUrl) });
    await engine.connect();
    await servers[0].close();
    expect(await engine.connect()).toMatchObject({ maxModelLen: 8192 });
    await servers[1].close();
    await expect(engine.connect()).rejects.toThrow(`No model server answers at ${servers[0].baseUrl}`);
  });

  it("does not take a server with a shorter context for the same", async () => {
    let maxModelLen = 4096;
    const server = await aServer(undefined, {
      intercept: (path) =>
        path === "/v1/models"
          ? { raw: JSON.stringify({ data: [{ id: "scripted", max_model_len: maxModelLen }] }) }
          : undefined,
    });
    const engine = anEngine({ baseUrls: [server.baseUrl] });
    await engine.connect();
    maxModelLen = 8192;
    await engine.connect();
    maxModelLen = 2048;
    await expect(engine.connect()).rejects.toThrow("has a context of 2048 tokens now. The run began with 4096.");
  });
});

describe("openEngine", () => {
  it.each([
    ["http://me:secret@127.0.0.1:8000/v1", /user name, a password/u],
    ["localhost:8000/v1", /not the URL of a model server/u],
  ])("refuses the URL %s", (baseUrl, message) => {
    expect(() => anEngine({ baseUrls: [baseUrl] })).toThrow(message);
  });

  it("refuses a key that cannot be one, without showing it", () => {
    const attempt = () => anEngine({ baseUrls: ["http://127.0.0.1:1/v1"], apiKey: "two words", apiKeyEnv: "MY_KEY" });
    expect(attempt).toThrow(/MY_KEY has blanks/u);
    expect(attempt).not.toThrow(/two words/u);
  });

  it("lets the process exit once it is closed", async () => {
    const server = await aServer();
    const module = new URL("../../../pipeline/adapters/openai-engine/open-engine.ts", import.meta.url);
    const program = `
      const { openEngine } = await import(${JSON.stringify(module.href)});
      const engine = openEngine({ baseUrls: [${JSON.stringify(server.baseUrl)}], model: "scripted", dialect: "vllm",
        transport: "completions", chat: { user: "{problem}" }, requestTimeoutSeconds: 1800, maxAttempts: 1 });
      const { maxModelLen } = await engine.connect();
      await engine.close();
      console.log(maxModelLen);`;
    const options = { timeout: 20_000 };
    const run = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], options);
    expect(run.stdout).toBe("8192\n");
  });
});
