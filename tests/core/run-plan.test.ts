import { describe, expect, it } from "vitest";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { loadEngineCard } from "../../pipeline/commands/engine-card-file.ts";
import { engineModelOf } from "../../pipeline/core/engine-model/of-card.ts";
import { planWarnings } from "../../pipeline/core/plan-warnings.ts";
import { type PlannedRun, planRun } from "../../pipeline/core/run-plan.ts";

const t4s = await loadEngineCard("t4x2-deepseekmath-7b-gptq8");
const shared = await loadEngineCard("t4x2-qwen25-math-7b-gptq8");
const length = { promptTokens: 200, turns: 2.5, tokensPerTurn: 400, outputTokens: 40 };

function runOf(keys: object = {}, rest: Partial<PlannedRun> = {}): PlannedRun {
  const engine = { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "m" };
  const config = runConfigSchema.parse({ problems: [{ set: "aime" }], engine, ...keys });
  return { config, problems: 50, servers: 1, maxModelLen: 4096, ...rest };
}

describe("a plan", () => {
  it("cuts the worst case at the context, and counts what the cache holds of it", () => {
    const { worst, expected } = planRun(t4s, runOf(), length);
    expect(worst.tokensAtEnd).toBe(4096);
    expect(worst.fitAtEnd).toBe(Math.floor(38_096 / 4096));
    expect(expected.tokensAtEnd).toBe(200 + 1000 + 60);
    expect(expected.tokensOnAverage).toBe(730);
    expect(expected.fitOnAverage).toBe(Math.floor(38_096 / 730));
    expect(expected.length).toEqual(length);
  });

  it("puts the winning recipe on two T4 at 300 to 550 tokens per second", () => {
    const { expected } = planRun(t4s, runOf({ schedule: { mode: "exam" } }), length);
    expect(expected.decoding).toBe(48);
    expect(expected.speed?.tokensPerSecond.low).toBeGreaterThan(300);
    expect(expected.speed?.tokensPerSecond.high).toBeLessThan(550);
  });

  it("decodes no more at once than is in flight, than the server takes, and than fits", () => {
    const decoding = (card: typeof t4s, concurrency: number) =>
      planRun(card, runOf({ schedule: { concurrency } }), length).expected.decoding;
    expect(decoding(t4s, 8)).toBe(8);
    expect(decoding(shared, 500)).toBe(48);
    expect(decoding({ ...t4s, maxSequences: 500 }, 500)).toBe(Math.floor(38_096 / 730));
  });

  it("takes as long as its candidates, and as its problems", () => {
    const hours = (keys: object, problems = 50) =>
      planRun(t4s, runOf({ schedule: { mode: "exam" }, ...keys }, { problems }), length).expected.speed?.runSeconds;
    const once = hours({});
    expect(hours({}, 100)?.high).toBeCloseTo(2 * (once?.high ?? 0));
    expect(hours({ sampling: { replicates: 3 } })?.low).toBeCloseTo(3 * (once?.low ?? 0));
    expect(once?.low).toBeLessThan(once?.high ?? 0);
  });

  it("is shared by several servers", () => {
    const run = { schedule: { concurrency: 64 } };
    const one = planRun(t4s, runOf({ schedule: { concurrency: 32 } }), length).expected;
    const two = planRun(t4s, runOf(run, { servers: 2 }), length).expected;
    expect(two.decoding).toBe(64);
    expect(two.fitAtEnd).toBe(2 * one.fitAtEnd);
    expect(two.speed?.tokensPerSecond.high).toBeCloseTo(2 * (one.speed?.tokensPerSecond.high ?? 0));
  });

  it("says how many candidates end within a budget, and none where one takes longer", () => {
    const within = (problemSeconds: number) =>
      planRun(t4s, runOf({ schedule: { mode: "exam" }, budget: { problemSeconds } }), length).expected.speed
        ?.withinProblemSeconds;
    expect(within(10)).toEqual({ low: 0, high: 0 });
    expect(within(1200)?.low).toBeGreaterThan(48);
    expect(within(1200)?.high).toBeGreaterThan(within(600)?.high ?? 0);
    const total = planRun(t4s, runOf({ budget: { totalSeconds: 32_400 } }), length).expected.speed;
    expect(total?.withinTotalSeconds?.low).toBeGreaterThan(48);
    expect(total?.withinProblemSeconds).toBeNull();
  });

  it("knows no time of a run whose problems nobody counted", () => {
    const speed = planRun(t4s, runOf({ budget: { totalSeconds: 60 } }, { problems: undefined }), length).expected.speed;
    expect(speed?.runSeconds).toBeNull();
    expect(speed?.withinTotalSeconds).toBeNull();
    expect(speed?.secondsPerProblem.high).toBeGreaterThan(0);
  });

  it("has no speed where not one candidate fits", () => {
    const plan = planRun({ ...t4s, gpuCount: 1, weights: { bits: 16 } }, runOf(), length);
    expect(plan).toMatchObject({ kvTokens: 0, expected: { speed: null, decoding: 0 }, worst: { speed: null } });
  });
});

describe("a plan beside the step-by-step model of its engine", () => {
  /** Seconds of `width` candidates of one turn, all sent at once, after a prompt of 208 tokens that they share. */
  function modelled(card: typeof t4s, width: number, tokens: number): number {
    const model = engineModelOf(card);
    for (let candidate = 0; candidate < width; candidate += 1) {
      const blocks = Math.floor((208 + tokens) / 16);
      const blockHashes = Array.from({ length: blocks }, (_, block) => (block < 13 ? block : candidate * 1000 + block));
      model.add({ promptTokens: 208, completionTokens: tokens, blockHashes }, 0);
    }
    let now = 0;
    for (let at = model.nextAt(); at !== undefined; at = model.nextAt()) {
      now = at;
      model.advance(now);
    }
    return now / 1000;
  }

  it.each(
    [t4s, shared].flatMap((card) =>
      [
        [16, 400],
        [48, 800],
        [48, 1500], // more than the first card's cache holds: preemptions
        [48, 3000],
      ].map(([width = 0, tokens = 0]) => ({ card, name: card.name, width, tokens })),
    ),
  )("puts $width × $tokens tokens on $name in a range that holds the model's time", ({ card, width, tokens }) => {
    const keys = { strategy: "cot", sampling: { width, maxTokens: 3800 }, schedule: { mode: "exam" } };
    const one = { promptTokens: 208, turns: 1, tokensPerTurn: tokens, outputTokens: 0 };
    const range = planRun(card, runOf(keys), one).expected.speed?.secondsPerProblem;
    const seconds = modelled(card, width, tokens);
    expect(seconds).toBeGreaterThan(range?.low ?? Infinity);
    expect(seconds).toBeLessThan(range?.high ?? 0);
  });
});

describe("a plan's warnings", () => {
  const none = { dtype: "float16", contextLength: undefined };
  function findings(
    card: typeof t4s,
    keys: object = {},
    rest: Partial<PlannedRun> = {},
    model: typeof none | object = none,
  ) {
    const run = runOf(keys, rest);
    const warnings = planWarnings(card, run, planRun(card, run, length), { ...none, ...model });
    return warnings.map(({ finding, advice }) => `${finding} → ${advice}`).join("\n");
  }
  const short = { sampling: { width: 8, depth: 3, maxTokens: 1024 }, schedule: { mode: "exam" } };

  it("are none where all fits", () => {
    expect(findings(shared, short)).toBe("");
  });

  it.each([
    ["weights that leave no room", { ...t4s, gpuCount: 1, weights: { bits: 16 } }, {}, {}, /does not fit.*fewer bits/u],
    ["a cache below one context", { ...t4s, memoryUtilization: 0.37 }, {}, {}, /less than one context of 4096/u],
    ["heads that GPUs do not divide", { ...t4s, gpuCount: 3 }, {}, {}, /32 attention heads.*3 GPUs/u],
    ["an unsupported GPU", { ...t4s, gpu: { ...t4s.gpu, unsupported: "too old" } }, {}, {}, /too old/u],
    [
      "wide heads on a T4",
      { ...t4s, model: { ...t4s.model, headDimension: 256 } },
      {},
      {},
      /heads of 256.*first request/u,
    ],
    ["bfloat16 on a T4", t4s, {}, { dtype: "bfloat16" }, /bfloat16.*--dtype half/u],
    ["a context beyond the model's", t4s, {}, { contextLength: 2048 }, /trained for a context of 2048/u],
    ["turns longer than the context", t4s, {}, {}, /context-full/u],
    [
      "a turn longer than the context",
      t4s,
      { sampling: { maxTokens: 4000 } },
      {},
      /one turn of 4000 tokens does not fit/u,
    ],
    ["more in flight than the server takes", shared, {}, {}, /64 candidates.*48 at once.*--max-num-seqs 64/u],
    [
      "more in flight than the cache holds",
      { ...t4s, maxSequences: 64 },
      {},
      {},
      /64 candidates run.*52 of average length.*concurrency to 52/u,
    ],
    ["long candidates that the cache does not hold", t4s, {}, {}, /48 candidates run.*30 at their end.*to 30/u],
    [
      "an engine that is not filled",
      shared,
      { schedule: { concurrency: 4 } },
      {},
      /room for 48.*only 4.*concurrency to 48/u,
    ],
    ["a budget that is too short", t4s, { budget: { problemSeconds: 60 } }, {}, /problemSeconds of 60 s, 0 to/u],
  ])("name %s", (_, card, keys, model, expected) => {
    expect(findings(card, keys, {}, model)).toMatch(expected);
  });

  it("say nothing of bfloat16 or wide heads on a newer GPU", () => {
    const newer = {
      ...shared,
      gpu: { ...shared.gpu, computeCapability: 8 },
      model: { ...shared.model, headDimension: 256 },
    };
    expect(findings(newer, short, {}, { dtype: "bfloat16" })).toBe("");
  });
});
