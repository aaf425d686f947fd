import { describe, expect, it } from "vitest";
import {
  type EngineLimits,
  EngineModel,
  type ModelRequest,
  type Sequence,
  type StepBatch,
} from "../../../pipeline/core/engine-model/engine-model.ts";
import { randomStream } from "../../../pipeline/core/seed.ts";

const limits: EngineLimits = { maxSequences: 4, maxBatchedTokens: 32, blockSize: 4, blocks: 101 };

/** A step takes 10 ms, and 1 ms for each token of a prompt. */
const tenAndPrompt = ({ promptTokens }: StepBatch) => (10 + promptTokens) / 1000;

let texts = 0;
/** A text of its own, or the continuation of another: the first blocks are then the other's. */
function request(promptTokens: number, completionTokens: number, blockHashes?: readonly number[]): ModelRequest {
  const blocks = Math.floor((promptTokens + completionTokens) / limits.blockSize);
  texts += 1;
  const own = Array.from({ length: blocks }, (_, block) => 1000 * texts + block);
  return { promptTokens, completionTokens, blockHashes: own.map((hash, block) => blockHashes?.[block] ?? hash) };
}

/** Runs until nothing is left, from wake to wake, and gives what finished. */
function finishAll(model: EngineModel, options: { everyStep?: boolean } = {}): Sequence[] {
  const finished: Sequence[] = [];
  for (let at = model.nextAt(options); at !== undefined; at = model.nextAt(options))
    finished.push(...model.advance(at));
  return finished;
}

describe("one request", () => {
  it("takes a step for its prompt, which gives the first token, and one for each further token", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const sequence = model.add(request(6, 3), 100);
    expect(finishAll(model)).toEqual([sequence]);
    expect(sequence).toMatchObject({ firstTokenAt: 116, finishedAt: 136, produced: 3, cachedTokens: 0 });
    expect(model.state()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0, steps: 3, busyMilliseconds: 36 });
    expect(model.state()).toMatchObject({ promptTokens: 6, generatedTokens: 3, cacheQueries: 6, cacheHits: 0 });
  });

  it("has a prompt beyond the step's budget computed in chunks", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const sequence = model.add(request(70, 1), 0);
    finishAll(model);
    expect(sequence.finishedAt).toBe(42 + 42 + 16);
  });

  it("that could never fit is refused", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    expect(model.tokensAtMost).toBe(400);
    expect(() => model.add(request(400, 1), 0)).toThrow(RangeError);
  });

  it("has blocks for the tokens that are computed, while it runs", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    model.add(request(6, 4), 0);
    model.advance(0);
    expect(model.state()).toMatchObject({ running: 1, kvUsage: 0.02 });
    model.advance(16 + 20); // token 9 is being computed
    expect(model.state().kvUsage).toBeCloseTo(0.03);
    model.advance(16 + 30);
    expect(model.state().kvUsage).toBe(0);
  });
});

describe("several requests", () => {
  it("of one moment begin in one step", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const sequences = [model.add(request(5, 2), 0), model.add(request(7, 2), 0)];
    finishAll(model);
    expect(sequences.map(({ firstTokenAt, finishedAt }) => [firstTokenAt, finishedAt])).toEqual([
      [22, 32],
      [22, 32],
    ]);
  });

  it("join at the next step, so that a prompt holds up those that decode", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const early = model.add(request(5, 3), 0);
    const late = model.add(request(9, 1), 17);
    finishAll(model);
    expect(late).toMatchObject({ firstTokenAt: 25 + 19, finishedAt: 44 });
    expect(early).toMatchObject({ firstTokenAt: 15, finishedAt: 44 });
  });

  it("beyond the number of sequences wait, first come first served", () => {
    const model = new EngineModel(limits, () => 0.01);
    const sequences = [3, 1, 2, 4, 1, 1].map((completionTokens) => model.add(request(2, completionTokens), 0));
    model.advance(0);
    expect(model.state()).toMatchObject({ running: 4, waiting: 2 });
    finishAll(model);
    expect(sequences.map(({ finishedAt }) => finishedAt)).toEqual([30, 10, 20, 40, 20, 30]);
  });

  it("are told the tokens that are read from the cache in each step", () => {
    const batches: StepBatch[] = [];
    const model = new EngineModel(limits, (batch) => {
      batches.push({ ...batch });
      return 0.01;
    });
    model.add(request(5, 3), 0);
    model.add(request(8, 2), 0);
    finishAll(model, { everyStep: true });
    expect(batches).toEqual([
      { promptTokens: 13, sequences: 0, contextTokens: 0 },
      { promptTokens: 0, sequences: 2, contextTokens: 13 },
      { promptTokens: 0, sequences: 1, contextTokens: 6 },
    ]);
  });
});

describe("the prefix cache", () => {
  it("has the shared prompt of requests that come together computed once", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const first = request(10, 1);
    const sequences = [first, request(10, 1, first.blockHashes), request(10, 1, first.blockHashes)].map((one) =>
      model.add(one, 0),
    );
    finishAll(model);
    expect(sequences.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 8, 8]);
    expect(sequences[0]?.finishedAt).toBe(10 + 10 + 2 + 2);
  });

  it("holds a finished text for the candidate's next turn, but for its last, open block", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const turn = request(10, 8); // 17 of 18 tokens are computed: the last one is only produced
    model.add(turn, 0);
    finishAll(model);
    const next = model.add(request(22, 2, turn.blockHashes), 1000);
    finishAll(model);
    expect(next).toMatchObject({ cachedTokens: 16, firstTokenAt: 1000 + 16 });
    expect(model.state()).toMatchObject({ cacheQueries: 32, cacheHits: 16 });
  });

  it("computes the last token of a prompt that is cached whole", () => {
    const model = new EngineModel(limits, tenAndPrompt);
    const one = request(8, 4);
    model.add(one, 0);
    finishAll(model);
    expect(model.add(one, 500).cachedTokens).toBe(0);
    expect(finishAll(model)[0]).toMatchObject({ cachedTokens: 4, promptTokens: 8 });
  });

  it("loses the text that was given back longest ago, its end first", () => {
    const model = new EngineModel({ ...limits, blocks: 7 }, tenAndPrompt);
    const [old, recent] = [request(12, 1), request(8, 1)];
    for (const one of [old, recent, request(7, 1)]) {
      model.add(one, 0);
      finishAll(model);
    } // six blocks for requests: the third text takes the one that is left, and the last of the oldest
    const again = model.add({ ...old, promptTokens: 13 }, 2000);
    finishAll(model);
    expect(again.cachedTokens).toBe(8);
  });
});

describe("preemption", () => {
  const tight = { ...limits, blocks: 6 }; // 20 tokens: one block is never given out

  it("throws out the request that was admitted last, which is computed again once there is room", () => {
    const model = new EngineModel(tight, () => 0.01);
    const [first, second] = [model.add(request(8, 8), 0), model.add(request(8, 8), 0)];
    finishAll(model);
    expect(first).toMatchObject({ preemptions: 0, finishedAt: 80 });
    expect(second?.preemptions).toBe(1);
    // Out after five tokens, as the first one needs the last block. Its blocks are gone too when it comes again.
    expect(second?.finishedAt).toBeGreaterThan(100);
    expect(model.state()).toMatchObject({ preemptions: 1, generatedTokens: 16, promptTokens: 16, kvUsage: 0 });
    expect(model.state().recomputedTokens).toBeGreaterThan(0);
  });

  it("puts it before those that wait", () => {
    const model = new EngineModel(tight, () => 0.01);
    model.add(request(8, 8), 0);
    const second = model.add(request(8, 8), 0);
    const third = model.add(request(8, 1), 1);
    finishAll(model);
    expect(second.preemptions).toBe(1);
    expect(third.firstTokenAt).toBe(90); // there was room for it all the time, but not for the second, which goes first
  });
});

describe("an abort", () => {
  it("frees the blocks at once, in a step's midst", () => {
    const model = new EngineModel(limits, () => 0.01);
    const stays = model.add(request(4, 2), 0);
    const goes = model.add(request(40, 9), 0);
    model.advance(15);
    model.abort(goes, 15);
    expect(model.state()).toMatchObject({ running: 1, kvUsage: 0.02 });
    expect(finishAll(model)).toEqual([stays]);
    expect(goes.finishedAt).toBeUndefined();
  });

  it("of a request that waits, or has finished, changes nothing else", () => {
    const model = new EngineModel({ ...limits, maxSequences: 1 }, () => 0.01);
    const [first, second, third] = [1, 2, 3].map(() => model.add(request(4, 2), 0));
    if (!first || !second) throw new Error("three were added");
    model.advance(1);
    model.abort(second, 5);
    expect(model.state()).toMatchObject({ running: 1, waiting: 1 });
    expect(finishAll(model)).toEqual([first, third]);
    model.abort(first, 100);
    expect(model.state()).toMatchObject({ kvUsage: 0, running: 0 });
  });
});

/** Requests that come and go at random; many are another one's next turn. */
interface Workload {
  limits: EngineLimits;
  events: { at: number; request: ModelRequest; abortedAt?: number }[];
}

function workload(seed: number): Workload {
  const random = randomStream(seed);
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const own = { maxSequences: between(1, 8), maxBatchedTokens: between(8, 64), blockSize: 4, blocks: between(31, 91) };
  const requests: ModelRequest[] = [];
  let at = 0;
  const events = Array.from({ length: 40 }, () => {
    const earlier = random() < 0.6 ? requests[between(0, requests.length - 1)] : undefined;
    const prompt = earlier && random() < 0.7 ? earlier.promptTokens + earlier.completionTokens : 0;
    const made = request(Math.min(80, prompt + between(1, 30)), between(1, 40), earlier?.blockHashes);
    requests.push(made);
    at += random() < 0.4 ? 0 : between(1, 150);
    return { at, request: made, ...(random() < 0.15 ? { abortedAt: at + between(0, 400) } : {}) };
  });
  return { limits: own, events };
}

const slow = ({ promptTokens, sequences, contextTokens }: StepBatch) =>
  0.0071 + 0.0003 * promptTokens + 0.0001 * sequences + 0.000013 * contextTokens;

/** Plays a workload; `look` is called after each step or wake. */
function play(
  { limits, events }: Workload,
  { everyStep, look = () => {} }: { everyStep: boolean; look?: (model: EngineModel) => void },
) {
  const model = new EngineModel(limits, slow);
  const sequences: Sequence[] = [];
  const finished: Sequence[] = [];
  const add = (index: number, request: ModelRequest, at: number) => {
    sequences[index] = model.add(request, at);
  };
  const abort = (index: number, at: number) => {
    const sequence = sequences[index];
    if (sequence) model.abort(sequence, at);
  };
  const moments = events
    .flatMap(({ at, request, abortedAt }, index) => [
      { at, act: () => add(index, request, at) },
      ...(abortedAt === undefined ? [] : [{ at: abortedAt, act: () => abort(index, abortedAt) }]),
    ])
    .toSorted((a, b) => a.at - b.at);
  const runTo = (until: number) => {
    for (let at = model.nextAt({ everyStep }); at !== undefined && at < until; at = model.nextAt({ everyStep })) {
      const now = model.advance(at);
      for (const { finishedAt } of now) if (!everyStep) expect(finishedAt).toBe(at); // never told too late
      finished.push(...now);
      look(model);
    }
  };
  for (const { at, act } of moments) {
    runTo(at);
    act();
    look(model);
  }
  runTo(Number.POSITIVE_INFINITY);
  return { model, sequences, finished };
}

describe.each(Array.from({ length: 40 }, (_, seed) => seed))("requests at random, seed %i", (seed) => {
  it("all end, and tokens and blocks are conserved", () => {
    const load = workload(seed);
    const { model, sequences } = play(load, {
      everyStep: true,
      look(model) {
        const { running, kvUsage } = model.state();
        expect(running).toBeLessThanOrEqual(load.limits.maxSequences);
        expect(kvUsage).toBeGreaterThanOrEqual(0);
        expect(kvUsage).toBeLessThanOrEqual(1);
      },
    });
    const kept = sequences.filter((_, index) => load.events[index]?.abortedAt === undefined);
    for (const { produced, completionTokens, finishedAt, addedAt, firstTokenAt } of kept) {
      expect(produced).toBe(completionTokens);
      expect(firstTokenAt).toBeGreaterThan(addedAt);
      expect(finishedAt).toBeGreaterThanOrEqual(firstTokenAt ?? Number.POSITIVE_INFINITY);
    }
    const sum = (value: (sequence: Sequence) => number) => sequences.reduce((total, one) => total + value(one), 0);
    const state = model.state();
    expect(state).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
    expect(state.generatedTokens).toBe(sum(({ produced }) => produced));
    expect(state.preemptions).toBe(sum(({ preemptions }) => preemptions));
    expect(state.cacheHits).toBe(sum(({ cachedTokens }) => cachedTokens));
    expect(state.promptTokens).toBe(
      sum(({ firstTokenAt, promptTokens }) => (firstTokenAt === undefined ? 0 : promptTokens)),
    );
  });

  it("come out the same from wake to wake as step by step", () => {
    const load = workload(seed);
    const stepped = play(load, { everyStep: true });
    const woken = play(load, { everyStep: false });
    expect(woken.sequences).toEqual(stepped.sequences);
    expect(woken.finished).toEqual(stepped.finished);
    expect(woken.model.state()).toEqual(stepped.model.state());
  });
});

it("some of the random workloads meet preemptions, cache hits and chunked prompts", () => {
  const states = Array.from({ length: 40 }, (_, seed) => play(workload(seed), { everyStep: false }).model.state());
  expect(states.filter(({ preemptions }) => preemptions > 0).length).toBeGreaterThan(5);
  expect(states.filter(({ cacheHits }) => cacheHits > 0).length).toBeGreaterThan(20);
});
