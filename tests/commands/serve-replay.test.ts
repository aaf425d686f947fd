import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { folderWith, jsonLines } from "../adapters/replay-engine/replay-fixture.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sample = `${root}datasets/sample/recordings.jsonl`;

function serveReplay(...args: string[]) {
  const started = execa(process.execPath, [`${root}bin/sctir.js`, "serve-replay", ...args], {
    cwd: root,
    reject: false,
  });
  onTestFinished(async () => {
    started.kill("SIGKILL");
    await started;
  });
  return started;
}

/** What it has printed by the time this is part of it. */
function printed(started: ReturnType<typeof serveReplay>, end: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    started.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (end.test(text)) resolve(text);
    });
    started.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
  });
}

describe("sctir serve-replay", () => {
  it("says where it listens and what it has, answers, and ends at Ctrl-C", async () => {
    const started = serveReplay(sample, "--port", "0", "--model", "recorded");
    const text = await printed(started, /Ctrl-C/u);
    expect(text).toMatch(/Serving \d+ traces of \d+ problems as model recorded at http:\/\/127\.0\.0\.1:\d+\/v1/u);
    const curl = /curl (\S+) -H '[^']*' -d '(.*)'/u.exec(text);
    const response = await fetch(curl?.[1] ?? "", { method: "POST", body: curl?.[2]?.replaceAll("'\\''", "'") ?? "" });
    expect(response.status).toBe(200);
    const { choices } = (await response.json()) as { choices: { text: string }[] };
    expect(choices[0]?.text).not.toBe("");
    started.kill("SIGINT");
    expect(await started).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("prints a curl command that a shell runs as it stands", async () => {
    const folder = await folderWith({
      "own.jsonl": jsonLines([{ problem: "It's $x$ \\ `y`, isn't it?", text: "It is." }]),
    });
    const text = await printed(serveReplay(`${folder}/own.jsonl`, "--port", "0"), /Ctrl-C/u);
    const line = text.split("\n").find((candidate) => candidate.trim().startsWith("curl"));
    const echoed = new Promise<string>((resolve, reject) => {
      // The shell splits the line into its words; no curl is needed to see that they are right.
      execFile("sh", ["-c", `set -- ${line}; printf %s "$6"`], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    expect(JSON.parse(await echoed).prompt).toContain("It's $x$ \\ `y`, isn't it?");
  });

  it("takes the time of an engine card, so many times as fast, and its context", async () => {
    const args = [sample, "--card", "t4x2-deepseekmath-7b-gptq8", "--speed-up", "1000", "--port", "0", "--json"];
    const started = serveReplay(...args);
    const { url, maxModelLen } = JSON.parse(await printed(started, /\n/u));
    expect(maxModelLen).toBe(4096);
    const prompt = JSON.parse((await readFile(sample, "utf8")).split("\n")[0] ?? "").problem;
    const response = await fetch(`${url}/completions`, {
      method: "POST",
      body: JSON.stringify({ prompt, max_tokens: 9 }),
    });
    expect(await response.json()).toMatchObject({ usage: { completion_tokens: 9 } });
    const metrics = await (await fetch(url.replace("/v1", "/metrics"))).text();
    const busy = Number(/^sctir:engine_busy_seconds_total\{.*\} (.*)$/mu.exec(metrics)?.[1]);
    expect(busy).toBeGreaterThan(9 * 0.02); // of the engine's own time
  });

  it.each([
    [["--speed-up", "2"], "card"],
    [["--card", "t4x2-deepseekmath-7b-gptq8", "--speed-up", "0"], "--speed-up must be a number above 0"],
    [["--card", "t4x2-deepseekmath-7b-gptq8", "--max-model-len", "9000"], "from 1 to 4096"],
  ])("refuses %j", async (args, message) => {
    const ended = await serveReplay(sample, "--port", "0", ...args);
    expect(ended).toMatchObject({ exitCode: 2 });
    expect(ended.stderr).toContain(message);
  });

  it("prints one line of JSON and nothing else with --json", async () => {
    const folder = await folderWith({
      "own.jsonl": jsonLines([
        { problem: "A?", text: "a", model: "x" },
        { problem: "B?", text: "Solution: b", model: "y=z" },
      ]),
    });
    const args = [`${folder}/own.jsonl`, "--where", "model=y=z", "--skip-to", "Solution:", "--port", "0", "--json"];
    const started = serveReplay(...args, "--max-model-len", "99");
    const report = JSON.parse(await printed(started, /\n/u));
    expect(report).toMatchObject({ model: "replay", maxModelLen: 99, problems: 1, traces: 1, notes: [] });
    expect(report.url).toBe(`http://127.0.0.1:${report.port}/v1`);
    started.kill("SIGTERM");
    expect(await started).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining("\n") });
  });

  it("says so if the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const { exitCode, stderr } = await serveReplay(sample, "--port", String(port));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is taken.`);
    expect(stderr).toContain("--port 0");
  });

  it.each([
    ["a missing recording", ["nowhere.jsonl"], "nowhere.jsonl"],
    ["a condition without =", [sample, "--where", "model"], "field=value"],
    ["a port that is none", [sample, "--port", "70000"], "--port must be a whole number"],
    ["a context of nothing", [sample, "--max-model-len", "0"], "--max-model-len"],
    ["nothing that matches", [sample, "--where", "kind=perfect"], "kind = perfect"],
  ])("refuses %s", async (_, args, message) => {
    const { exitCode, stderr } = await serveReplay(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
