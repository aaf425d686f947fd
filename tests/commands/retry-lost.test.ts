import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { type ScriptedReply, type ScriptedRequest, startScriptedEngine, until } from "../helpers/scripted-engine.ts";
import { sctir, startSctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** `sctir run CONFIG --retry-lost`: what was lost to the engine is tried again, and nothing else is touched. */

const problems = ["decided", "hard", "refused"].map((id) => ({ id, problem: `What is ${id}?`, answer: "1" }));
const boxed = (answer: number): ScriptedReply => `The answer is $\\boxed{${answer}}$.`;

/** Candidates that an early stop, a budget and a full context end, and two of which the requests are refused. */
function bad({ problemId, candidate }: ScriptedRequest): ScriptedReply {
  if (problemId === "own/decided") return candidate > 2 ? { hang: true } : boxed(1); // three of five decide
  if (problemId === "own/hard") return candidate === 4 ? { hang: true } : boxed(candidate < 2 ? 1 : 2);
  if (candidate === 0) return { status: 400, message: "maximum context length is 10 tokens, at least 11 input tokens" };
  return candidate < 3 ? { status: 400, message: "I will not" } : boxed(candidate - 1);
}

async function finishedRun() {
  const behaviour = { reply: bad as (request: ScriptedRequest) => ScriptedReply | Promise<ScriptedReply> };
  const engine = await startScriptedEngine((request) => behaviour.reply(request));
  onTestFinished(() => engine.close());
  const folder = await temporaryFolder();
  const out = join(folder, "run");
  const config = await writeConfig(folder, problems, engine.baseUrl, {
    ...{ strategy: "cot", sampling: { width: 5, maxTokens: 128 }, schedule: { mode: "exam", concurrency: 5 } },
    ...{ budget: { problemSeconds: 4 }, earlyStop: "certain" },
  });
  const args = ["run", config, "--out", out];
  const ended = await sctir(args);
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Lost to the engine: 2.") });
  return {
    engine,
    behaviour,
    out,
    args,
    outcomes: () => rowsOf(out, "candidates.jsonl").map(({ outcome }) => outcome),
  };
}

const before = [
  ...["answered", "answered", "answered", "decided", "decided"],
  ...["answered", "answered", "answered", "answered", "budget"],
  ...["context-full", "engine-failed", "engine-failed", "answered", "answered"],
];
const after = before.map((outcome) => (outcome === "engine-failed" ? "answered" : outcome));

describe("sctir run --retry-lost", () => {
  it("tries lost candidates again and leaves all others alone, how ever they ended", async () => {
    const { engine, behaviour, out, args, outcomes } = await finishedRun();
    expect(outcomes()).toEqual(before);
    const rows = rowsOf(out, "candidates.jsonl");
    const asked = engine.log.length;
    behaviour.reply = () => boxed(1);
    const ended = await sctir([...args, "--retry-lost"]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining("Lost to the engine") });
    expect(outcomes()).toEqual(after);
    expect(engine.log.slice(asked).map(({ problemId, candidate }) => [problemId, candidate])).toEqual([
      ["own/refused", 1],
      ["own/refused", 2],
    ]);
    const kept = rows.filter(({ outcome }) => outcome !== "engine-failed");
    expect(rowsOf(out, "candidates.jsonl")).toEqual(expect.arrayContaining(kept));
    expect(rowsOf(out, "votes.jsonl").at(-1)).toMatchObject({ problemId: "own/refused", answer: "1" });
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete", stages: { generate: { complete: 1 } } });
    expect((await sctir([...args, "--retry-lost"])).stderr).toContain("no candidate was lost: nothing to do");
  });

  it("goes on after a crash, with the plain command too", async () => {
    const { behaviour, args, out, outcomes } = await finishedRun();
    behaviour.reply = ({ candidate }) => (candidate === 1 ? boxed(1) : { hang: true });
    const running = startSctir([...args, "--retry-lost"]);
    await until(() => rowsOf(out, "turns.jsonl").length === 10);
    running.kill("SIGKILL");
    await running;
    expect(outcomes()).toEqual(before);
    behaviour.reply = () => boxed(1);
    expect(await sctir(args)).toMatchObject({ exitCode: 0 });
    expect(outcomes()).toEqual(after);
  });

  it("leaves a complete run complete where the engine is away", async () => {
    const { engine, args, out, outcomes } = await finishedRun();
    await engine.close();
    expect(await sctir([...args, "--retry-lost"])).toMatchObject({ exitCode: 3 });
    expect(jsonOf(out, "manifest.json")).toMatchObject({ state: "complete" });
    expect(outcomes()).toEqual(before);
    expect(await sctir(args)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("--retry-lost") });
  });

  it("records no candidate as lost that is refused again", async () => {
    const { args, outcomes } = await finishedRun();
    expect(await sctir([...args, "--retry-lost"])).toMatchObject({ exitCode: 0 });
    expect(outcomes()).toEqual(before);
  });
});
