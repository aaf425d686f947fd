import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { randomStream } from "../../pipeline/core/seed.ts";
import { type Fault, type PassingRequest, startFaultProxy } from "../helpers/fault-proxy.ts";
import { jsonOf, type OwnProblem, rowsOf, writeConfig } from "../helpers/run-files.ts";
import {
  type ScriptedEngine,
  type ScriptedReply,
  type ScriptedRequest,
  startScriptedEngine,
  until,
} from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** Whole runs against engines that are bad in every way: what a bad engine costs is time, and nothing else. */

const problems: OwnProblem[] = Array.from({ length: 6 }, (_, index) => ({
  id: `p${index}`,
  problem: `What is $${index} + 1$?`,
  answer: String(index + 1),
}));

const width = 6;

/** One message and an answer. Every third candidate is wrong, so that votes have something to decide. */
function answer({ problemId, candidate }: ScriptedRequest): ScriptedReply {
  const right = Number(problemId.slice("own/p".length)) + 1;
  const text = `The answer is $\\boxed{${candidate % 3 === 0 ? right + 7 : right}}$.`;
  return { text, delayMilliseconds: 30 };
}

/** The same after a program. */
function programAndAnswer(request: ScriptedRequest): ScriptedReply {
  return request.turn > 0 ? answer(request) : "```python\nprint(6 * 7)\n```\n```output\n";
}

const metricsOf = ({ log, running }: ScriptedEngine): ScriptedReply => ({
  raw: `vllm:num_requests_running ${running}\nvllm:generation_tokens_total ${log.length}\n`,
  contentType: "text/plain",
});

interface Setting {
  say?: (request: ScriptedRequest) => ScriptedReply;
  faultOf?: (request: PassingRequest) => Fault | undefined;
  /** Parts of the config. */
  engine?: object;
  rest?: object;
  intercept?: (path: string) => ScriptedReply | undefined;
}

/** A run of 6 problems × 6 candidates, six requests at a time, through a proxy that does faults. */
async function setting({ say = answer, faultOf = () => undefined, engine, rest, intercept }: Setting = {}) {
  const server: ScriptedEngine = await startScriptedEngine(say, {
    intercept: (path) => intercept?.(path) ?? (path === "/metrics" ? metricsOf(server) : undefined),
  });
  const proxy = await startFaultProxy(server.url, faultOf);
  onTestFinished(() => Promise.all([proxy.close(), server.close()]).then(() => {}));
  const folder = await temporaryFolder();
  const out = join(folder, "run");
  const config = await writeConfig(folder, problems, proxy.baseUrl, {
    ...{ strategy: "cot", sampling: { width, maxTokens: 128, seed: 7 }, schedule: { concurrency: 6 } },
    engine: { ...{ kind: "vllm", baseUrl: proxy.baseUrl, model: "scripted", patienceSeconds: 20 }, ...engine },
    ...rest,
  });
  const args = ["run", config, "--out", out];
  return { server, proxy, folder, out, config, args, run: () => sctir(args) };
}

/** The run goes to its end, with the results of one without faults. */
async function expectUndisturbed({ run, out }: Awaited<ReturnType<typeof setting>>): Promise<void> {
  expect(await run()).toMatchObject({ exitCode: 0, stderr: noStack });
  expectWhole(out);
}

function expectWhole(out: string): void {
  const candidates = rowsOf(out, "candidates.jsonl");
  const answers = problems.flatMap(({ id, answer: right }) =>
    Array.from({ length: width }, (_, n) => [
      `own/${id}`,
      n,
      "answered",
      String(Number(right) + (n % 3 === 0 ? 7 : 0)),
    ]),
  );
  expect(candidates.map((row) => [row.problemId, row.candidate, row.outcome, row.answer])).toEqual(answers);
  const votes = problems.map(({ id, answer: right }) => [`own/${id}`, right]);
  expect(rowsOf(out, "votes.jsonl").map((row) => [row.problemId, row.answer])).toEqual(votes);
  expect(rowsOf(out, "verdicts.jsonl").map(({ correct }) => correct)).toEqual(problems.map(() => true));
}

const noStack = expect.not.stringMatching(/this is a bug|^ +at /mu);
const vllmSays = (status: number, message: string): Fault => ({
  ...{ kind: "answer", status },
  body: JSON.stringify({ error: { message, type: "Error", param: null, code: status } }),
});
const retryAfter = (value: string): Fault => ({
  ...{ kind: "answer", status: 429, body: "{}" },
  headers: { "Retry-After": value },
});
const passingFaults: Fault[] = [
  { kind: "reset", at: "request" },
  { kind: "reset", at: "headers" },
  { kind: "reset", at: "body" },
  { kind: "delay", milliseconds: 100 },
  { kind: "drip", bytes: 50, milliseconds: 5 },
  { kind: "hang", at: "body" },
  ...["0", "-5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"].map(retryAfter),
  ...[500, 502, 503, 400, 404].map((status) => vllmSays(status, "not now")),
  { kind: "answer", headers: { "Content-Type": "text/html" }, body: "<h1>Welcome to nginx!</h1>" },
  ...["null", '{"choices": []}', '{"choices": [{"text": null, "finish_reason": "stop"}]}'].map(
    (body): Fault => ({ kind: "answer", body }),
  ),
  { kind: "change", body: (body) => body.slice(0, body.length / 2) },
  { kind: "change", body: (body) => body.replace('"stop"', '"abort"') },
  { kind: "change", contentLength: 10 },
  { kind: "change", contentLength: -10 },
  { kind: "flood", bytes: 1_000_000 },
];

const events = (body: string) => body.split(/(?<=\n\n)/u);
const streamFaults: Fault[] = [
  { kind: "change", body: (body) => events(body).slice(0, -1).join("") }, // without its [DONE]
  {
    kind: "change",
    body: (body) =>
      events(body)
        .flatMap((event) => [event, event])
        .join(""),
  },
  { kind: "change", body: (body) => events(body).toReversed().join("") },
  { kind: "change", body: (body) => body.slice(0, body.length / 2) },
  { kind: "change", body: (body) => body.replaceAll("data:", "date:") },
  { kind: "hang", at: "body", bytes: 400 },
  { kind: "reset", at: "body", bytes: 400 },
];

const isRefusal = (fault: Fault) => fault.kind === "answer" && fault.status === 400;

describe("a storm of faults", () => {
  it.each([
    { how: "in one piece", seed: 1, streaming: false, faults: passingFaults },
    { how: "streamed", seed: 2, streaming: true, faults: [...passingFaults, ...streamFaults, ...streamFaults] },
  ])("costs time and nothing else, with replies that come $how", async ({ seed, streaming, faults }) => {
    const random = randomStream(seed);
    const met = new Map<string, Fault[]>(); // by turn: too many in a row are another matter
    const hung = new Set<string>();
    const made = await setting({
      say: programAndAnswer,
      engine: { requestTimeoutSeconds: 10, streaming },
      rest: { strategy: "sc-tir", schedule: { concurrency: 64 } },
      faultOf({ generates, candidate, turn }) {
        const before = met.get(`${candidate}:${turn}`) ?? [];
        const fault = faults[Math.floor(random() * faults.length)];
        if (!generates || fault === undefined || random() < 0.5 || before.length >= 3) return undefined;
        if (isRefusal(fault) && before.filter(isRefusal).length === 2) return undefined;
        if (fault.kind === "hang" && (hung.size >= 3 || hung.has(candidate))) return undefined; // each takes the time of a request
        if (fault.kind === "hang") hung.add(candidate);
        met.set(`${candidate}:${turn}`, [...before, fault]);
        return fault;
      },
    });
    await expectUndisturbed(made);
    expect(made.proxy.log.filter(({ fault }) => fault !== undefined).length).toBeGreaterThan(20);
  });
});

describe("a server that restarts", () => {
  it.each<[string, (path: string) => ScriptedReply | undefined]>([
    ["and refuses connections until it is there", () => undefined],
    ["and says that it is loading", () => ({ status: 503, message: "loading" })],
    [
      "and lists no model until one is loaded",
      (path) => (path === "/v1/models" ? { raw: '{"data": []}' } : { status: 404 }),
    ],
    ["and serves nothing before its key is right", (path) => (path.startsWith("/v1/") ? { status: 401 } : undefined)],
  ])("costs time and nothing else, %s", async (_, whileLoading) => {
    let isLoading = false;
    const made = await setting({ intercept: (path) => (isLoading ? whileLoading(path) : undefined) });
    const { proxy, server } = made;
    const ended = expectUndisturbed(made);
    await until(() => server.log.length >= 10);
    await proxy.stop();
    isLoading = true;
    await sleep(500);
    await proxy.start();
    await sleep(1500);
    isLoading = false;
    await ended;
  });
});

/** Every generation fails from the `from`th on, while the server answers that it is there. */
const everyGeneration = (fault: Fault, from: number) => {
  let generations = 0;
  return ({ generates }: PassingRequest) => (generates && generations++ >= from ? fault : undefined);
};

describe("a server that refuses or fails every request although it is there", () => {
  it.each([400, 404])("ends a run at once that has had nothing from it: HTTP %i", async (status) => {
    const { run, out } = await setting({
      engine: { patienceSeconds: 600 },
      faultOf: everyGeneration(vllmSays(status, "no such thing"), 0),
    });
    const ended = await run();
    expect(ended).toMatchObject({ exitCode: 3, stdout: "", stderr: noStack });
    expect(ended.stderr).toMatch(new RegExp(`The engine refuses every request.*HTTP ${status}: no such thing`, "u"));
    expect(rowsOf(out, "candidates.jsonl")).toEqual([]);
  });

  it.each<[string, Fault]>([
    ["refuses with 400", vllmSays(400, "unknown field top_k")],
    ["denies with 404", vllmSays(404, "The model `scripted` does not exist.")],
    ["fails with 500", vllmSays(500, "EngineCore died")],
  ])("ends a run when patience is over, and the same command goes on: it %s", async (_, fault) => {
    let isBad = true;
    const faultOf = everyGeneration(fault, 10);
    const made = await setting({
      engine: { patienceSeconds: 2, maxAttempts: 2 },
      faultOf: (request) => (isBad ? faultOf(request) : undefined),
    });
    const ended = await made.run();
    expect(ended).toMatchObject({ exitCode: 3, stdout: "", stderr: noStack });
    expect(ended.stderr).toContain(JSON.parse((fault as { body: string }).body).error.message);
    expect(rowsOf(made.out, "candidates.jsonl")).toEqual([]);
    expect(rowsOf(made.out, "turns.jsonl").length).toBeGreaterThan(3);
    isBad = false;
    await expectUndisturbed(made);
  });

  it("may do so for a while", async () => {
    let isBad = false;
    const made = await setting({
      faultOf: ({ generates }) => (isBad && generates ? vllmSays(400, "not now") : undefined),
    });
    const ended = expectUndisturbed(made);
    await until(() => made.server.log.length >= 10);
    isBad = true;
    await sleep(3000);
    isBad = false;
    await ended;
  });
});

describe("a request that the server refuses for what is in it", () => {
  const refuses = (problem: string, fault: Fault) => ({
    faultOf: ({ candidate }: PassingRequest) => (candidate.startsWith(problem) ? fault : undefined),
  });
  const outcomesOf = (out: string, problem: string) =>
    rowsOf(out, "candidates.jsonl").flatMap(({ problemId, outcome }) => (problemId === problem ? [outcome] : []));

  it("is lost with its candidate alone, also where it is the first", async () => {
    const { run, out, server } = await setting({
      ...refuses("own/p0", vllmSays(400, "I will not")),
      rest: { schedule: { mode: "exam" } },
    });
    const ended = await run();
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("lost to engine or sandbox") });
    expect(outcomesOf(out, "own/p0")).toEqual(Array.from({ length: width }, () => "engine-failed"));
    expect(rowsOf(out, "candidates.jsonl").filter(({ outcome }) => outcome === "answered")).toHaveLength(5 * width);
    const controls = server.log.filter(({ body }) => body.max_tokens === 1);
    expect(controls.length).toBeGreaterThan(0);
    expect(controls.length).toBeLessThan(10);
  });

  it("ends its candidate as context-full in the words of any vLLM, and nothing is looked for", async () => {
    const wordings = [
      "This model's maximum context length is 4096 tokens. However, you requested 4200 tokens (4100 in the messages, 100 in the completion). Please reduce the length of the messages or completion.",
      "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=4097)",
      "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.",
      "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
    ];
    const { run, out, server } = await setting({
      faultOf({ candidate }) {
        const wording = wordings[Number(candidate[5])]; // own/p0 …
        return wording === undefined ? undefined : vllmSays(400, wording);
      },
    });
    expect(await run()).toMatchObject({ exitCode: 0, stderr: noStack });
    for (const [index] of wordings.entries()) {
      expect(outcomesOf(out, `own/p${index}`)).toEqual(Array.from({ length: width }, () => "context-full"));
    }
    expect(server.log.filter(({ body }) => body.max_tokens === 1)).toEqual([]);
  });
});

describe("a server that accepts requests and never answers", () => {
  const hang: Fault = { kind: "hang", at: "request" };
  const budget = { budget: { problemSeconds: 1 }, schedule: { mode: "exam" } };

  it("is never a 0 %, were the budget of a problem shorter than any time-out", async () => {
    let isBad = false;
    const made = await setting({ faultOf: () => (isBad ? hang : undefined), rest: budget });
    const running = startSctir(made.args);
    await until(() => made.server.others.length > 0);
    isBad = true;
    const ended = await running;
    expect(ended).toMatchObject({ exitCode: 3, stdout: "", stderr: noStack });
    expect(ended.stderr).toContain("Every candidate of own was lost to the engine");
    expect(rowsOf(made.out, "candidates.jsonl")).toEqual([]);
    isBad = false;
    expect(await made.run()).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining("lost") });
  });

  it("loses the candidates of the problems that it leaves alone, and no other", async () => {
    let isBad = false;
    const made = await setting({ faultOf: () => (isBad ? hang : undefined), rest: budget });
    const running = startSctir(made.args);
    await until(() => made.server.log.length >= 12);
    isBad = true;
    expect(await running).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("lost to engine or sandbox") });
    const outcomes = rowsOf(made.out, "candidates.jsonl").map(({ outcome }) => outcome);
    expect(outcomes.slice(0, width)).toEqual(Array.from({ length: width }, () => "answered"));
    expect(new Set(outcomes.slice(3 * width))).toEqual(new Set(["engine-failed"]));
    expect(jsonOf(made.out, "summary.json")).toMatchObject({ all: { ledger: { budget: 0 } } });
  });

  it("is waited for when it is found to hang", async () => {
    let isBad = false;
    const made = await setting({ faultOf: () => (isBad ? hang : undefined), engine: { idleTimeoutSeconds: 2 } });
    const ended = expectUndisturbed(made);
    await until(() => made.server.log.length >= 10);
    isBad = true;
    await sleep(5000);
    isBad = false;
    await ended;
    expect(made.proxy.log.filter(({ aborted }) => aborted).length).toBeGreaterThan(3);
  });

  it("ends the run when it does not come back, although it answers everything else", async () => {
    let isBad = false;
    const engine = { idleTimeoutSeconds: 1, patienceSeconds: 2 };
    const made = await setting({ faultOf: ({ generates }) => (isBad && generates ? hang : undefined), engine });
    const running = startSctir(made.args);
    await until(() => made.server.log.length >= 10);
    isBad = true;
    const ended = await running;
    expect(ended).toMatchObject({ exitCode: 3, stdout: "", stderr: noStack });
    expect(ended.stderr).toContain("The engine fails every request.");
  });
});

describe("one server of two that is bad", () => {
  it.each<[string, Fault | undefined]>([
    ["refuses connections", undefined],
    ["denies everything", vllmSays(401, "Unauthorized")],
    ["hangs", { kind: "hang", at: "request" }],
  ])("costs no candidate: it %s", async (_, fault) => {
    let isBad = false;
    const other = await startScriptedEngine(answer);
    onTestFinished(() => other.close());
    const made = await setting({ faultOf: () => (isBad ? fault : undefined) });
    const baseUrls = [made.proxy.baseUrl, other.baseUrl];
    await writeConfig(made.folder, problems, "", {
      ...{ strategy: "cot", sampling: { width, maxTokens: 128 }, schedule: { concurrency: 6 } },
      engine: { kind: "vllm", baseUrls, model: "scripted", maxAttempts: 1, idleTimeoutSeconds: 2 },
    });
    const ended = expectUndisturbed(made);
    await until(() => made.server.log.length >= 4);
    isBad = true;
    if (fault === undefined) await made.proxy.stop();
    await ended;
    expect(other.log.length).toBeGreaterThan(20);
  });
});
