import { describe, expect, it, onTestFinished } from "vitest";
import { openEngine } from "../../../pipeline/adapters/openai-engine/open-engine.ts";
import { openEmulatedEngine } from "../../../pipeline/adapters/replay-engine/emulated-engine.ts";
import type { Recordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import { startReplayServer } from "../../../pipeline/adapters/replay-engine/replay-server.ts";
import { TimedModel } from "../../../pipeline/adapters/replay-engine/timed-model.ts";
import { Transit } from "../../../pipeline/adapters/replay-engine/transit.ts";
import { VirtualClock } from "../../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { wait } from "../../../pipeline/adapters/virtual-clock/wait.ts";
import { engineModelOf } from "../../../pipeline/core/engine-model/of-card.ts";
import type { Clock, Engine, GenerationRequest } from "../../../pipeline/stages/ports.ts";
import { cardOf } from "./emulation-fixture.ts";
import { recordingsOf } from "./replay-fixture.ts";

const statements = ["What is one and one, in words?", "What is two and two, in words?"];
const template = "Problem: {problem}\nSolution: ";
const sentence = "We think about it for a while, and then a little more. ";

/** Traces of several lengths with two code blocks each. */
const traces = recordingsOf(
  Object.fromEntries(
    statements.map((statement, problem) => [
      statement,
      Array.from({ length: 6 }, (_, sample) => {
        const block = (n: number) => `\`\`\`python\nprint(${n})\n\`\`\`\n\`\`\`output\n${n}\n\`\`\`\n`;
        return `${sentence.repeat(1 + ((sample * 5 + problem) % 7))}${block(1)}${sentence}${block(2)}It is ${sample}.`;
      }),
    ]),
  ),
);

type Requested = Pick<GenerationRequest, "requestId" | "statement" | "prompt" | "text" | "seed">;
const asked = (fields: Requested, signal?: AbortSignal): GenerationRequest => ({
  ...fields,
  ...{ maxTokens: 256, temperature: 0.8, topP: 1, stop: ["```output\n"], keepStop: true },
  ...(signal ? { signal } : {}),
});

/** Plays all candidates to their ends, side by side, and gives what happened in the order in which it did. */
async function play(engine: Engine, clock: Clock, abortAt = Number.POSITIVE_INFINITY) {
  const log: object[] = [];
  const deadline = new AbortController();
  if (abortAt < Number.POSITIVE_INFINITY) clock.after(abortAt, () => deadline.abort());
  const candidate = async (problem: number, number: number) => {
    const statement = statements[problem] ?? "";
    let text = "";
    for (let turn = 0; turn < 3; turn += 1) {
      const requestId = `own/${problem}:0:${number}:${turn}`;
      const prompt = template.replace("{problem}", statement);
      const request = { requestId, statement, prompt, text, seed: 100 * problem + 10 * number + turn };
      const generation = await engine.generate(asked(request, deadline.signal));
      const { firstTokenMilliseconds: _, ...what } = { firstTokenMilliseconds: 0, ...generation };
      log.push({ at: clock.now(), asked: requestId, ...what });
      if (generation.kind !== "generation") return;
      text += `${generation.text}${turn + 1}\n\`\`\`\n`;
      await wait(clock, 7 * number); // the program
    }
  };
  await Promise.all([0, 1].flatMap((problem) => [0, 1, 2, 3, 4, 5].map((number) => candidate(problem, number))));
  return log;
}

const card = cardOf({ maxSequences: 5, maxBatchedTokens: 64 });

function inProcess(recordings: Recordings = traces) {
  const clock = new VirtualClock();
  return { clock, engine: openEmulatedEngine({ recordings, card, clock, templates: [template] }) };
}

/** The same through HTTP. */
async function overHttp() {
  const clock = new VirtualClock();
  const transit = new Transit(clock);
  const timed = new TimedModel(engineModelOf(card), clock);
  const options = { recordings: traces, model: "small", maxModelLen: card.maxModelLen, templates: [template] };
  const server = await startReplayServer({ ...options, timed, transit });
  const client = openEngine(
    {
      ...{ kind: "replay", baseUrls: [server.url], model: "small", dialect: "vllm", transport: "completions" },
      ...{ chat: { user: "{problem}" }, requestTimeoutSeconds: 60, maxAttempts: 1 },
    },
    { now: () => clock.now() },
  );
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  return { clock, timed, engine: transit.client(client) };
}

describe("an emulated engine", () => {
  it("answers in its process as it does behind a server, at the same moments and in the same order", async () => {
    const direct = inProcess();
    const served = await overHttp();
    const log = await play(direct.engine, direct.clock);
    expect(log).toHaveLength(36);
    expect(new Set(log.map((entry) => ("at" in entry ? entry.at : 0))).size).toBeGreaterThan(10);
    expect(await play(served.engine, served.clock)).toEqual(log);
    expect(served.timed.state()).toEqual(direct.engine.state());
  });

  it("repeats itself, aborts included", async () => {
    const logs = [];
    for (const { engine, clock } of [await overHttp(), await overHttp(), inProcess()]) {
      logs.push(await play(engine, clock, 1234));
    }
    expect(logs[0]?.filter((entry) => "kind" in entry && entry.kind === "aborted").length).toBeGreaterThan(3);
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
  });

  it("frees what an aborted request held, at once", async () => {
    const { engine, clock } = inProcess();
    await play(engine, clock, 500);
    expect(engine.state()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
    const served = await overHttp();
    await play(served.engine, served.clock, 500);
    expect(served.timed.state()).toEqual(engine.state());
  });

  it("finds a candidate's earlier turns in its cache, and the prompt of its problem", async () => {
    const { engine, clock } = inProcess();
    const log = await play(engine, clock);
    const cached = (entry: object) => (entry as { tokens: { cached: number } }).tokens.cached;
    const prompts = log.map((entry) => (entry as { tokens: { prompt: number } }).tokens.prompt);
    const later = log.filter((entry) => /:[12]$/u.test((entry as { asked: string }).asked));
    for (const entry of later) expect(cached(entry)).toBeGreaterThan(0);
    expect(engine.state().cacheHits / engine.state().cacheQueries).toBeGreaterThan(0.5);
    expect(Math.max(...log.map(cached))).toBeLessThan(Math.max(...prompts));
  });

  it("tells when the first token came, and what its cache holds", async () => {
    const { engine } = inProcess();
    const [statement = ""] = statements;
    const request = { requestId: "own/0:0:0:0", statement, prompt: template.replace("{problem}", statement), text: "" };
    const generation = await engine.generate(asked({ ...request, seed: 0 }));
    if (generation.kind !== "generation") throw new Error(generation.kind);
    expect(generation.firstTokenMilliseconds).toBeCloseTo(10, 3);
    expect(generation.milliseconds).toBeCloseTo(10 * generation.tokens.completion, 2);
    expect(await engine.connect()).toMatchObject({ kind: "replay", model: "small", maxModelLen: 4096 });
    expect((await engine.load?.())?.cacheTokens).toBeGreaterThan(4096);
  });

  it("ends a candidate whose context is full, and refuses what is not recorded", async () => {
    const clock = new VirtualClock();
    const engine = openEmulatedEngine({ recordings: traces, card, clock, maxModelLen: 10, templates: [template] });
    const [statement = ""] = statements;
    const request = { requestId: "own/0:0:0:0", statement, prompt: template.replace("{problem}", statement), text: "" };
    expect(await engine.generate(asked({ ...request, seed: 0 }))).toEqual({ kind: "context-full" });
    const other = { ...request, statement: "?", prompt: "?", seed: 0 };
    expect(await inProcess().engine.generate(asked(other))).toMatchObject({ kind: "engine-failed", attempts: 1 });
  });

  it("aborts what is under way when it is closed", async () => {
    const { engine, clock } = inProcess();
    const played = play(engine, clock);
    await wait(clock, 100);
    await engine.close();
    expect((await played).at(-1)).toMatchObject({ kind: "aborted" });
  });
});
