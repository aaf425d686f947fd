import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Execution } from "../../pipeline/artifacts/execution.ts";
import { comparable, jsonOf, type OwnProblem, rowsOf, writeConfig } from "../helpers/run-files.ts";
import {
  type ScriptedEngine,
  type ScriptedReply,
  type ScriptedRequest,
  startScriptedEngine,
  until,
} from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** The whole pipeline as a user runs it: the command line, a server on loopback, and Python really executed. */

const engines: ScriptedEngine[] = [];
async function engine(
  reply: (request: ScriptedRequest) => ScriptedReply | Promise<ScriptedReply>,
  options = {},
): Promise<ScriptedEngine> {
  const started = await startScriptedEngine(reply, options);
  engines.push(started);
  return started;
}
afterEach(async () => {
  for (const started of engines.splice(0)) await started.close();
});

const problems: OwnProblem[] = [
  { id: "a", problem: "What is $6 \\cdot 7$?", answer: "42" },
  { id: "b", problem: "What is $2^{70}$?", answer: "1180591620717411303424" },
  { id: "c", problem: "What is $3 - 7$?", answer: "-4" },
];

const program = (code: string) => `I compute.\n\`\`\`python\n${code}\n\`\`\`\n\`\`\`output\n`;
const values: Record<string, string> = { "own/a": "6 * 7", "own/b": "2**70", "own/c": "3 - 7" };

/** A good model: the first turn is a program, the second answers with what the program printed. */
function good({ problemId, turn, body }: ScriptedRequest): string {
  if (turn === 0) return program(`print(${values[problemId]})`);
  const printed = /```output\n(.*)\n```$/u.exec(body.prompt)?.[1];
  return `\nThe answer is $\\boxed{${printed}}$.`;
}

describe("sctir run", () => {
  it("goes from problems to a summary, with the code really executed and every artifact there", async () => {
    const server = await engine(good);
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const ended = await sctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", out]);
    expect(ended.stderr).not.toContain("warning");
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("100 %") });
    expect(rowsOf(out, "votes.jsonl").map(({ problemId, answer }) => [problemId, answer])).toEqual([
      ["own/a", "42"],
      ["own/b", "1180591620717411303424"],
      ["own/c", "-4"],
    ]);
    const turn = rowsOf(out, "turns.jsonl").find(
      (row) => row.problemId === "own/a" && row.candidate === 2 && row.turn === 0,
    );
    expect(turn).toMatchObject({
      finish: "code",
      stopString: "```output\n",
      code: "\nprint(6 * 7)\n",
      execution: { outcome: "ok", output: "42", outputBytes: 3 },
      requestId: "own/a:0:2:0:0",
    });
    expect(jsonOf(out, "manifest.json")).toMatchObject({
      state: "complete",
      engine: { kind: "vllm", model: "scripted", serverVersion: "0.99.0-scripted", maxModelLen: 8192 },
      sandbox: { python: expect.stringMatching(/^3\./u), isolation: expect.any(String) },
      stages: { load: { problems: 3 }, filter: { selected: 3, rejected: 0 }, generate: { candidates: 9, turns: 18 } },
    });
    expect(jsonOf(out, "summary.json")).toMatchObject({
      sets: { own: { problems: 3, accuracy: { estimate: 1 }, ledger: { answered: 9 }, executions: { ok: 9 } } },
    });
  });

  it("sends every sampling field, and another seed with every request", async () => {
    const server = await engine(good);
    const folder = await temporaryFolder();
    await sctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", join(folder, "run")]);
    expect(server.log[0]?.body).toMatchObject({
      ...{ model: "scripted", max_tokens: 128, temperature: 0.8, top_p: 1, n: 1, stop: ["```output\n"] },
      ...{ min_p: 0, repetition_penalty: 1, include_stop_str_in_output: true },
    });
    expect(server.log[0]?.body).toHaveProperty("top_k");
    expect(new Set(server.log.map(({ body }) => body.seed)).size).toBe(18);
  });

  it("leaves a finished run alone, says so, and prints JSON alone where that is asked for", async () => {
    const server = await engine(good);
    const folder = await temporaryFolder();
    const args = ["run", await writeConfig(folder, problems, server.baseUrl), "--out", join(folder, "run"), "--json"];
    const first = await sctir(args);
    const requests = server.log.length;
    const again = await sctir(args);
    expect(again.stderr).toContain("is complete: nothing to do");
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(first.stdout));
    expect(server.log).toHaveLength(requests);
  });

  it("refuses to go on with another config, and names what differs", async () => {
    const server = await engine(good);
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, problems, server.baseUrl);
    await sctir(["run", config, "--out", join(folder, "run")]);
    const other = await sctir([
      "run",
      config,
      "--out",
      join(folder, "run"),
      "--set",
      "sampling.width=5",
      "--set",
      "schedule.concurrency=2",
    ]);
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/differs in: sampling\.width\./u) });
  });

  it("ends with the same artifacts after kill -9, a torn journal, and whatever the concurrency", async () => {
    const calm = await engine(good);
    const folder = await temporaryFolder();
    const straight = join(folder, "straight");
    await sctir(["run", await writeConfig(folder, problems, calm.baseUrl), "--out", straight]);

    const slow = await engine(async (request) => ({ text: good(request), delayMilliseconds: 150 }));
    const config = await writeConfig(folder, problems, slow.baseUrl);
    const out = join(folder, "disturbed");
    const args = ["run", config, "--out", out, "--set", "schedule.concurrency=2"];
    const killed = startSctir(args);
    await until(() => rowsOf(out, "turns.jsonl").length >= 3);
    killed.kill("SIGKILL");
    await killed;
    const kept = rowsOf(out, "turns.jsonl").length;
    await appendFile(join(out, "turns.jsonl"), '{"problemId":"own/a","repl');
    const bought = slow.log.length;
    const resumed = await sctir([...args, "--set", "schedule.concurrency=7"]);
    expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("ended in half a line of 26 bytes") });
    expect(slow.log.length - bought).toBe(18 - kept);
    for (const file of ["turns.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(out, file), file).toEqual(comparable(straight, file));
    }
  });

  it("finishes what is in flight at the first Ctrl-C and says how to go on", async () => {
    const server = await engine(async (request) => ({
      text: good(request),
      delayMilliseconds: request.turn === 0 ? 0 : 400,
    }));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const args = [
      "run",
      await writeConfig(folder, problems, server.baseUrl),
      "--out",
      out,
      "--set",
      "schedule.concurrency=2",
    ];
    const running = startSctir(args);
    await until(() => server.log.some(({ turn }) => turn === 1));
    running.kill("SIGINT");
    const ended = await running;
    expect(ended.exitCode).toBe(130);
    expect(ended.stderr).toContain(`sctir run ${args[1]} --out ${out} --set schedule.concurrency=2`);
    expect(rowsOf(out, "turns.jsonl")).toHaveLength(server.log.length);
    expect(server.log.some(({ aborted }) => aborted)).toBe(false);
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "interrupted" });
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    expect(server.log).toHaveLength(18);
  });

  it("stops at once at the second Ctrl-C", async () => {
    const server = await engine(() => ({ hang: true }));
    const folder = await temporaryFolder();
    const running = startSctir([
      "run",
      await writeConfig(folder, problems, server.baseUrl),
      "--out",
      join(folder, "run"),
    ]);
    await until(() => server.running > 0);
    running.kill("SIGINT");
    let said = "";
    running.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await until(() => said.includes("Once more to stop at once"));
    await setTimeout(400); // sooner, it would be taken for an echo of the first
    running.kill("SIGINT");
    expect((await running).exitCode).toBe(130);
    await until(() => server.running === 0);
  });

  it("keeps two processes from writing one directory", async () => {
    const server = await engine(() => ({ hang: true }));
    const folder = await temporaryFolder();
    const args = ["run", await writeConfig(folder, problems, server.baseUrl), "--out", join(folder, "run")];
    const first = startSctir(args);
    await until(() => server.running > 0);
    const second = await sctir(args);
    expect(second).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`in use by process ${first.pid}`) });
    first.kill("SIGKILL");
    await first;
  });
});

describe("sctir run with sessions", () => {
  const sessions = { python: { state: "session" } };
  const blocks = (first: string) => [first, "x = x * 7", "print(x)"];
  const model =
    (first: string) =>
    ({ turn, body }: ScriptedRequest): string => {
      const code = blocks(first)[turn];
      const printed = /```output\n(\d+)\n```$/u.exec(body.prompt)?.[1];
      return code === undefined ? `\nThe answer is $\\boxed{${printed}}$.` : program(code);
    };
  const deep = { ...sessions, sampling: { width: 3, depth: 5, maxTokens: 128, seed: 7 } };

  async function disturbed(first: string) {
    const server = await engine((request) => ({ text: model(first)(request), delayMilliseconds: 150 }));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const args = ["run", await writeConfig(folder, problems, server.baseUrl, deep), "--out", out];
    const killed = startSctir(args);
    await until(() => rowsOf(out, "turns.jsonl").filter(({ turn }) => turn === 1).length >= 4);
    killed.kill("SIGKILL");
    await killed;
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    return out;
  }
  const rebuiltIn = (out: string) =>
    rowsOf(out, "turns.jsonl").map(({ execution }) => (execution as Execution)?.rebuilt);

  it("lets a candidate's blocks share one interpreter", async () => {
    const server = await engine(model("print(6)\nx = 6"));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const config = await writeConfig(folder, problems, server.baseUrl, deep);
    expect(await sctir(["run", config, "--out", out])).toMatchObject({ exitCode: 0 });
    const outputs = rowsOf(out, "turns.jsonl").filter(({ turn }) => turn === 2);
    expect(outputs.map(({ execution }) => (execution as Execution).output)).toEqual(Array(9).fill("42"));
    expect(new Set(rebuiltIn(out))).toEqual(new Set([undefined]));
  });

  it("ends the same after kill -9, with nothing but a note of what was rebuilt", async () => {
    const calm = await engine(model("print(6)\nx = 6"));
    const folder = await temporaryFolder();
    const straight = join(folder, "straight");
    await sctir(["run", await writeConfig(folder, problems, calm.baseUrl, deep), "--out", straight]);
    const out = await disturbed("print(6)\nx = 6");
    const withoutNote = (row: string) => row.replace(/,"rebuilt":"same"/u, "");
    expect(comparable(out, "turns.jsonl").map(withoutNote)).toEqual(comparable(straight, "turns.jsonl"));
    for (const file of ["candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(out, file), file).toEqual(comparable(straight, file));
    }
    expect(new Set(rebuiltIn(out))).toEqual(new Set([undefined, "same"]));
    expect(jsonOf(out, "summary.json").warnings).toEqual(jsonOf(straight, "summary.json").warnings);
  });

  it("tells of a session that was rebuilt and is not what it was", async () => {
    const out = await disturbed("import time\nprint(time.time_ns())\nx = 6");
    expect(rebuiltIn(out)).toContain("diverged");
    expect(rebuiltIn(out)).not.toContain("same");
    expect(jsonOf(out, "summary.json").warnings).toContainEqual(
      expect.stringMatching(/candidates went on in a Python session that was rebuilt/u),
    );
  });
});

describe("sctir run within a time budget", () => {
  it("ends what still runs as budget, a request or a program, and lets the finished ones vote", async () => {
    const server = await engine((request) => {
      if (request.turn === 0 && request.candidate === 1) return program("import time\ntime.sleep(60)");
      if (request.turn === 1 && request.candidate === 2) return { hang: true };
      return good(request);
    });
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const rest = {
      budget: { problemSeconds: 6 },
      schedule: { mode: "exam", order: { random: 1 } },
      python: { timeoutSeconds: 120 },
    };
    const config = await writeConfig(folder, problems, server.baseUrl, rest);
    expect(await sctir(["run", config, "--out", out])).toMatchObject({ exitCode: 0 });
    const outcomes = rowsOf(out, "candidates.jsonl").map(({ outcome }) => outcome);
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => ["answered", "budget", "budget"]).flat());
    expect(rowsOf(out, "votes.jsonl").map(({ answer }) => answer)).toEqual(problems.map(({ answer }) => answer));
    expect(server.log.filter(({ aborted }) => aborted)).toHaveLength(3);
    const order = [...new Set(server.log.map(({ problemId }) => problemId))];
    expect(server.log.map(({ problemId }) => order.indexOf(problemId))).toEqual(
      server.log.map(({ problemId }) => order.indexOf(problemId)).toSorted(), // one problem after the other
    );
  });

  it("stops the whole run when totalSeconds are over", async () => {
    const server = await engine(() => ({ hang: true }));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const config = await writeConfig(folder, problems, server.baseUrl, { budget: { totalSeconds: 1 } });
    const ended = await sctir(["run", config, "--out", out]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("warning: Not one turn of") });
    expect(rowsOf(out, "candidates.jsonl").every(({ outcome }) => outcome === "budget")).toBe(true);
    expect(rowsOf(out, "verdicts.jsonl").map(({ answer }) => answer)).toEqual([null, null, null]);
  });
});

describe("sctir run with a bad engine", () => {
  it("has loaded and filtered before it says that no server answers", async () => {
    const folder = await temporaryFolder();
    const ended = await sctir([
      "run",
      await writeConfig(folder, problems, "http://127.0.0.1:9/v1"),
      "--out",
      join(folder, "run"),
    ]);
    expect(ended).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining("No model server answers at http://127.0.0.1:9/v1"),
    });
    expect(ended.stderr).not.toMatch(/^\s+at /mu);
    expect(rowsOf(join(folder, "run"), "selected.jsonl")).toHaveLength(3);
  });

  it("names the models that a server has instead", async () => {
    const server = await engine(good, { models: ["scripted-7b"] });
    const folder = await temporaryFolder();
    const ended = await sctir([
      "run",
      await writeConfig(folder, problems, server.baseUrl),
      "--out",
      join(folder, "run"),
    ]);
    expect(ended).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("scripted-7b") });
  });

  it("retries passing faults, and loses only the candidate whose requests are refused", async () => {
    const faults: ScriptedReply[] = [
      { status: 500, message: "oh" },
      { status: 429, headers: { "retry-after": "0" } },
      { reset: true },
      { raw: "<html>bad gateway</html>", contentType: "text/html", status: 502 },
      { raw: '{"choices": [{"text": "ha' },
      { raw: '{"id": "x", "choices": []}' },
    ];
    const server = await engine((request) => {
      if (request.problemId === "own/c" && request.candidate === 1) return { status: 400, message: "I will not" };
      const fault = request.attempt === 0 ? faults[(request.candidate * 2 + request.turn) % faults.length] : undefined;
      return fault ?? good(request);
    });
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const ended = await sctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", out]);
    expect(ended.exitCode).toBe(0);
    const outcomes = rowsOf(out, "candidates.jsonl").map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "answered")).toHaveLength(8);
    const lost = rowsOf(out, "candidates.jsonl").find(({ outcome }) => outcome === "engine-failed");
    expect(lost).toMatchObject({
      problemId: "own/c",
      candidate: 1,
      meta: { reason: expect.stringContaining("I will not") },
    });
    expect(ended.stdout).toContain("lost to engine or sandbox, not the model's: 1");
  });

  it("does not call it 0 % where every candidate was lost to the engine", async () => {
    const server = await engine(() => ({ status: 400, message: "never" }));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const ended = await sctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", out]);
    expect(ended).toMatchObject({ exitCode: 3, stdout: "", stderr: expect.stringContaining("refuses every request") });
    expect(rowsOf(out, "verdicts.jsonl")).toEqual([]);
  });

  it.each([2, 1])("waits for a server that restarts, and loses nothing by it (maxAttempts %i)", async (maxAttempts) => {
    let isAway = true;
    const server = await engine(good, {
      intercept: (path: string) => {
        const isStart = server.log.length < 2;
        if (isStart || !isAway || path === "/version") return undefined;
        void setTimeout(1500).then(() => {
          isAway = false;
        });
        return { status: 503, message: "restarting" };
      },
    });
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, problems, server.baseUrl, {
      engine: { kind: "vllm", baseUrl: server.baseUrl, model: "scripted", maxAttempts },
    });
    const ended = await sctir(["run", config, "--out", join(folder, "run")]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("9 answered") });
  });

  it("ends as context-full where the context has no room left", async () => {
    const server = await engine(good, { maxModelLen: 40, tokenize: () => 41 });
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const ended = await sctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", out]);
    expect(rowsOf(out, "candidates.jsonl").every(({ outcome }) => outcome === "context-full")).toBe(true);
    expect(ended.stdout).toContain("9 context-full");
  });
});

describe("sctir run with bad input", () => {
  it.each([
    ["an unknown key", { sampling: { widht: 3 } }, /sampling\.widht: unknown key, did you mean width\?/u],
    ["a wrong type", { sampling: { width: "three" } }, /sampling\.width: /u],
    ["an unknown profile", { profile: "numina" }, /no profile numina/u],
    ["a missing file", { problems: [{ set: "x", file: "absent.jsonl" }] }, /absent\.jsonl/u],
    ["an unknown set", { problems: [{ set: "amie" }] }, /aime/u],
  ])("meets %s with a clear error", async (_, rest, message) => {
    const folder = await temporaryFolder();
    const ended = await sctir([
      "run",
      await writeConfig(folder, problems, "http://127.0.0.1:9/v1", rest),
      "--out",
      join(folder, "run"),
    ]);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
    expect(ended.stderr).not.toMatch(/^\s+at /mu);
  });

  it("meets duplicate ids, an empty file, and a set without integer answers likewise", async () => {
    const folder = await temporaryFolder();
    const run = async (rows: OwnProblem[]) =>
      sctir(["run", await writeConfig(folder, rows, "http://127.0.0.1:9/v1"), "--out", await temporaryFolder()]);
    const [first, second] = problems as [OwnProblem, OwnProblem];
    expect(await run([first, { ...second, id: "a" }])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('"a"'),
    });
    expect(await run([])).toMatchObject({ exitCode: 2 });
    const none = await run([{ ...first, answer: "\\frac{1}{2}" }]);
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/No problem of the set own is left.*\n.*own\/a was left out: not an integer/u),
    });
  });

  it("does not take a directory of other artifacts for its own", async () => {
    const folder = await temporaryFolder();
    const out = await temporaryFolder();
    await writeFile(join(out, "candidates.jsonl"), "{}\n");
    const ended = await sctir(["run", await writeConfig(folder, problems, "http://127.0.0.1:9/v1"), "--out", out]);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no manifest.json") });
    expect(await readFile(join(out, "candidates.jsonl"), "utf8")).toBe("{}\n");
  });
});

describe("single stages", () => {
  it("vote and score artifacts written by hand, without a manifest", async () => {
    const out = await temporaryFolder();
    const selected = { problemId: "mine/1", set: "mine", statement: "s", gold: "7", answer: "7", flags: [] };
    const row = { problemId: "mine/1", replicate: 0, turns: 1, tokens: { prompt: 1, completion: 1 }, milliseconds: 1 };
    const candidates = ["7", "8", "7"].map((answer, candidate) => ({
      ...row,
      candidate,
      outcome: "answered",
      rawAnswer: answer,
      answer,
    }));
    await writeFile(join(out, "selected.jsonl"), `${JSON.stringify(selected)}\n`);
    await writeFile(
      join(out, "candidates.jsonl"),
      candidates.map((candidate) => `${JSON.stringify(candidate)}\n`).join(""),
    );
    expect(await sctir(["vote", out])).toMatchObject({ exitCode: 0 });
    const scored = await sctir(["score", out, "--json"]);
    expect(JSON.parse(scored.stdout)).toMatchObject({
      sets: { mine: { accuracy: { estimate: 1 }, candidateAccuracy: { estimate: 2 / 3 } } },
    });
    expect(rowsOf(out, "verdicts.jsonl")).toMatchObject([{ problemId: "mine/1", correct: true, solvedBy: 2 }]);
    expect(existsSync(join(out, "manifest.json"))).toBe(false);

    await sctir(["vote", out, "--set", 'vote.fallback="5"']);
    expect(rowsOf(out, "votes.jsonl")[0]?.rule).toContain("fallback: 5");
    expect(await sctir(["vote", out, "--set", 'vote.falback="5"'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("did you mean fallback?"),
    });
  });

  it("say which stage is missing", async () => {
    const out = await temporaryFolder();
    expect(await sctir(["vote", out])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("sctir filter") });
    expect(await sctir(["generate", out])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--config") });
  });

  it("do one after the other what run does at once", async () => {
    const server = await engine(good);
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, problems, server.baseUrl);
    const out = join(folder, "stages");
    await sctir(["run", config, "--out", join(folder, "run")]);
    await mkdir(out);
    for (const stage of ["load", "filter", "generate", "vote", "score"]) {
      expect(await sctir([stage, out, "--config", config]), stage).toMatchObject({ exitCode: 0 });
    }
    for (const file of ["selected.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(out, file), file).toEqual(comparable(join(folder, "run"), file));
    }
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete" });
  });
});

describe("sctir status", () => {
  it("tells how far a run is while it goes on, that it was killed, and its result", async () => {
    const server = await engine(async (request) =>
      request.problemId === "own/c" && request.turn === 1 ? { hang: true } : good(request),
    );
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const running = startSctir(["run", await writeConfig(folder, problems, server.baseUrl), "--out", out]);
    await until(() => rowsOf(out, "turns.jsonl").length === 15);
    const status = JSON.parse((await sctir(["status", out, "--json"])).stdout);
    expect(status).toMatchObject({
      state: "running",
      holder: { pid: running.pid },
      problems: { wanted: 3, done: 2, correct: 2 },
      candidates: { wanted: 9, done: 6, begun: 9 },
      turns: 15,
    });
    running.kill("SIGKILL");
    await running;
    expect((await sctir(["status", out])).stdout).toContain("run: interrupted");
  });

  it("counts candidates that an early stop ended as done", async () => {
    const server = await engine((request) => (request.candidate === 2 ? { hang: true } : good(request)));
    const folder = await temporaryFolder();
    const out = join(folder, "run");
    const config = await writeConfig(folder, problems, server.baseUrl, { profile: "tir", earlyStop: "certain" });
    expect(await sctir(["run", config, "--out", out])).toMatchObject({ exitCode: 0 });
    expect(JSON.parse((await sctir(["status", out, "--json"])).stdout)).toMatchObject({
      ...{ state: "complete", problems: { wanted: 3, done: 3, correct: 3 } },
      candidates: { wanted: 9, done: 9, begun: 9 },
    });
  });
});

describe("sctir solve", () => {
  it("shows the trace as it grows, then the vote", async () => {
    const server = await engine(({ turn, body }) => {
      if (turn === 0) return program("print(6 * 7)");
      return `\nThe answer is $\\boxed{${/```output\n(.*)\n```$/u.exec(body.prompt)?.[1]}}$.`;
    });
    const folder = await temporaryFolder();
    const config = await writeConfig(folder, problems, server.baseUrl);
    const solved = await sctir(["solve", "What is $6 \\cdot 7$?", config]);
    expect(solved).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/print\(6 \* 7\)[\s\S]*42[\s\S]*Answer: 42$/u),
    });
    const piped = await sctir(["solve", "-", config, "--json"], { input: "What is $6 \\cdot 7$?\n" });
    expect(JSON.parse(piped.stdout)).toMatchObject({ answer: "42", tally: [{ answer: "42", count: 3 }] });
    expect(server.log.at(-1)?.body.prompt).toContain("### Problem: What is $6 \\cdot 7$?\n### Solution: ");
    await rm(folder, { recursive: true });
  });
});

describe("the command line", () => {
  it("helps, with examples, and suggests a command", async () => {
    expect((await sctir(["--help"])).stdout).toContain("sctir run <config>");
    expect((await sctir(["run", "--help"])).stdout).toMatch(/--out[\s\S]*Examples:/u);
    const misspelt = await sctir(["statsu", "x"]);
    expect(misspelt.exitCode).toBe(2);
    expect((await sctir([])).exitCode).toBe(2);
    expect((await sctir(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+$/u);
    expect((await stat(new URL("../../package.json", import.meta.url))).isFile()).toBe(true);
  });
});
