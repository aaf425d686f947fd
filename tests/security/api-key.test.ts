import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadRunConfig } from "../../pipeline/commands/run-config-file.ts";
import { anEngine, aRequest, aServer, engineOn } from "../adapters/openai-engine/engine-under-test.ts";
import { asUseful } from "../fuzz/useful-error.ts";
import { rowsOf, writeConfig } from "../helpers/run-files.ts";
import { type ScriptedReply, startScriptedEngine } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const key = 'sk-c4f/1e"b07d\\9a';
const inJson = JSON.stringify(key).slice(1, -1);

/** Whatever a file or an output may hold of the key: it whole, or the greater part of it, as it is or as JSON writes it. */
const traces = [key, inJson, key.slice(0, 8), key.slice(-8), inJson.slice(-8)];

function expectNoKey(text: string): void {
  expect(traces.filter((trace) => text.includes(trace))).toEqual([]);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("a server that repeats the API key", () => {
  it("brings it into no artifact, and onto no terminal", async () => {
    const folder = await temporaryFolder();
    const long = `${"x".repeat(290)}Bearer ${key}`; // cut in the middle of the key, if it is cut before it is hidden
    const environment =
      "import os\nprint(dict(os.environ))\nfor p in ('self', str(os.getppid()), '1'):\n    try:\n        print(open(f'/proc/{p}/environ').read())\n    except OSError as e:\n        print(e)";
    const replies: ScriptedReply[] = [
      { status: 400, message: `Authorization: Bearer ${key} ${long}` },
      { raw: `{"choices": [{"text": "${inJson}", "finish_reason": "stop"}]}` },
      { raw: `Bearer ${key} <html>`, contentType: "application/json" },
      { status: 422, raw: `<html><body>Bearer ${key}</body></html>`, contentType: "text/html" },
      { raw: JSON.stringify({ choices: [{ text: "x", finish_reason: key }] }) },
    ];
    const server = await startScriptedEngine(
      ({ candidate, turn }) => {
        const reply = replies[candidate];
        if (reply !== undefined) return reply;
        return turn === 0 ? `\`\`\`python\n${environment}\n\`\`\`\n\`\`\`output` : "It is $\\boxed{42}$.";
      },
      { apiKey: key, version: `1.0 ${key}` },
    );
    onTestFinished(() => server.close());
    const env = { ...process.env, MY_KEY: key };
    const config = await writeConfig(folder, [{ id: "a", problem: "What?", answer: "42" }], server.baseUrl, {
      engine: {
        kind: "vllm",
        baseUrl: server.baseUrl,
        model: "scripted",
        apiKeyEnv: "MY_KEY",
        maxAttempts: 1,
        patienceSeconds: 0,
      },
      profile: "qwen25-math-tir", // whose programs begin with no import
      sampling: { width: replies.length + 1, depth: 2, maxTokens: 512 },
      python: { outputCharacters: 10_000, preload: [] },
    });
    const ran = await sctir(["run", config, "--out", join(folder, "run")], { cwd: folder, env });
    expect(ran).toMatchObject({ exitCode: 0 });
    const candidates = rowsOf(join(folder, "run"), "candidates.jsonl");
    expect(candidates.map(({ outcome }) => outcome)).toEqual([...replies.map(() => "engine-failed"), "answered"]);
    expect(JSON.stringify(candidates)).toContain("‹API key›");
    expect(JSON.stringify(candidates)).toContain("a text that holds the API key");
    expect(JSON.stringify(rowsOf(join(folder, "run"), "turns.jsonl"))).toContain("PATH");

    const other = await sctir(["run", config, "--out", join(folder, "other"), "--set", "engine.model=mine"], {
      cwd: folder,
      env,
    });
    expect(other).toMatchObject({ exitCode: 3 });
    for (const { stdout, stderr } of [ran, other]) expectNoKey(stdout + stderr);
    expect(filesIn(folder).length).toBeGreaterThan(10);
    for (const file of filesIn(folder)) expectNoKey(readFileSync(file, "utf8"));
  });

  it("has it hidden in a list of models, and in a stream, whole or in pieces", async () => {
    const server = await aServer(() => "", { apiKey: key, models: [key, `m ${inJson}`] });
    const error = await anEngine({ baseUrls: [server.baseUrl], apiKey: key })
      .connect()
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("‹API key›");
    expectNoKey(`${error}${(error as { hint?: string }).hint}`);

    const events = (...texts: string[]) =>
      [...texts.map((text) => ({ text, finish_reason: null })), { text: "", finish_reason: "stop" }]
        .map((choice) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`)
        .join("");
    const raws = [
      `${events(`Bearer ${key}`)}data: [DONE]\n\n`,
      `${events(...key)}data: [DONE]\n\n`,
      `data: ${JSON.stringify({ error: { message: `Bearer ${key}`, code: 500 } })}\n\n`,
    ];
    for (const raw of raws) {
      const { generate } = await engineOn(() => ({ raw, contentType: "text/event-stream" }), {
        ...{ apiKey: key, streaming: true, maxAttempts: 1, idleTimeoutSeconds: 60 },
      });
      const result = await generate({ onText: () => {} });
      expect(result).toMatchObject({ kind: "engine-failed", reason: expect.stringContaining("API key") });
      expectNoKey(JSON.stringify(result));
    }
  });

  it("changes no text for a key that is a mere placeholder", async () => {
    const { generate } = await engineOn(() => "The set is EMPTY.", { apiKey: "EMPTY" }, { apiKey: "EMPTY" });
    expect(await generate()).toMatchObject({ kind: "generation", text: "The set is EMPTY." });
  });
});

describe("the API key", () => {
  it("is not sent to where a server redirects to", async () => {
    const seen: (string | undefined)[] = [];
    const thief = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{"choices": [{"text": "x", "finish_reason": "stop"}]}');
    });
    await new Promise<void>((resolve) => thief.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void thief.close());
    const { port } = thief.address() as AddressInfo;
    const headers = { Location: `http://127.0.0.1:${port}/v1/completions` };
    for (const streaming of [false, true]) {
      const { engine } = await engineOn(() => ({ status: 307, headers, raw: "" }), {
        apiKey: key,
        maxAttempts: 1,
        streaming,
      });
      await engine.generate(aRequest());
    }
    expect(seen.filter((header) => header !== undefined)).toEqual([]);
  });

  it.each([
    ["in the URL of the server", "engine.baseUrl=http://user:sk-5ecret@127.0.0.1:1/v1", "without user name"],
    ["in its query", "engine.baseUrl=http://127.0.0.1:1/v1?key=sk-5ecret", "without user name"],
    ["in the config", "engine.apiKey=sk-5ecret", "engine.apiKey: unknown key"],
    ["in place of the variable's name", "engine.apiKeyEnv=sk-5ecret", "the name of an environment variable"],
  ])("is refused %s, and not repeated", async (_, override, message) => {
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, [], "http://127.0.0.1:1/v1");
    const error = await loadRunConfig(config, [override]).catch((thrown: unknown) => thrown);
    expect(asUseful(error).message).toContain(message);
    expect(`${asUseful(error).message}${asUseful(error).hint}`).not.toContain("5ecret");
  });

  it("that is refused has been written nowhere", async () => {
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, [], "http://user:sk-5ecret@127.0.0.1:1/v1");
    const { exitCode, stdout, stderr } = await sctir(["run", config, "--out", join(folder, "run")]);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: expect.not.stringContaining("5ecret"),
    });
    expect(existsSync(join(folder, "run"))).toBe(false);
  });
});
