import { describe, expect, it } from "vitest";
import { loadEngineCard } from "../../../pipeline/commands/engine-card-file.ts";
import { kvTokens, type Pace, type StepBatch, stepSeconds } from "../../../pipeline/core/engine-arithmetic.ts";
import { EngineModel } from "../../../pipeline/core/engine-model/engine-model.ts";
import measured from "./vllm-h100.json" with { type: "json" };

/**
 * The model against vLLM itself; vllm-h100.json says how that was measured. What the scheduler did is a prediction, but for
 * the one block that vLLM keeps for itself, which the model learned of here. The seconds are none: the card's bandwidth,
 * arithmetic and constant per step were fitted to this very measurement, so they only show that three constants are enough.
 */

const card = await loadEngineCard("h100-deepseekmath-7b-fp16");
const milliseconds = (batch: Partial<StepBatch>, pace?: Pace) =>
  1000 * stepSeconds(card, { promptTokens: 0, sequences: 0, contextTokens: 0, ...batch }, pace);

function run(blocks: number) {
  const { promptTokens, maxSequences, maxBatchedTokens, blockSize } = measured;
  const model = new EngineModel({ maxSequences, maxBatchedTokens, blockSize, blocks }, (batch) =>
    stepSeconds(card, batch),
  );
  const shared = Math.floor(promptTokens / blockSize);
  const sequences = measured.completionTokens.map((completionTokens, request) => {
    const length = Math.floor((promptTokens + completionTokens) / blockSize);
    const blockHashes = Array.from({ length }, (_, block) => (block < shared ? block : 1000 * (request + 1) + block));
    return model.add({ promptTokens, completionTokens, blockHashes }, 0);
  });
  const finishedAtStep: number[] = sequences.map(() => 0);
  for (let at = model.nextAt(); at !== undefined; at = model.nextAt()) {
    for (const sequence of model.advance(at)) finishedAtStep[sequences.indexOf(sequence)] = model.state().steps;
  }
  return { state: model.state(), finishedAtStep };
}

describe.each(measured.runs)("48 requests in a cache of $blocks blocks", ({ blocks, seconds: _, ...expected }) => {
  it("take the steps that they took, are thrown out as often, and finish at the same steps", () => {
    const { state, finishedAtStep } = run(blocks);
    expect({ steps: state.steps, preemptions: state.preemptions, finishedAtStep }).toEqual(expected);
  });
});

it.each(measured.runs.filter(({ seconds }) => seconds !== undefined))(
  "48 requests in a cache of $blocks blocks take $seconds s within 5 %",
  ({ blocks, seconds }) => {
    expect(Math.abs(run(blocks).state.busyMilliseconds / 1000 / (seconds ?? 0) - 1)).toBeLessThan(0.05);
  },
);

it("the card's KV cache is as large as vLLM's within 1 %", () => {
  expect(Math.abs(kvTokens(card) / card.blockSize / measured.blocksInMemory - 1)).toBeLessThan(0.01);
});

describe("a step's time on an H100", () => {
  it.each(measured.decode)("is as measured within 10 %, and in the card's range: $sequences × $tokensEach", (step) => {
    const batch = { sequences: step.sequences, contextTokens: step.sequences * step.tokensEach };
    expect(Math.abs(milliseconds(batch) / step.milliseconds - 1)).toBeLessThan(0.1);
    expect(milliseconds(batch, "low")).toBeGreaterThan(step.milliseconds);
    expect(milliseconds(batch, "high")).toBeLessThan(step.milliseconds);
  });

  it.each(measured.prefill)("is too short for a prompt of few tokens: $promptTokens", (prompt) => {
    const ratio = milliseconds(prompt) / prompt.milliseconds;
    if (prompt.promptTokens >= 1024) expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
    else expect(ratio).toBeLessThan(0.7); // not modelled: what a prefill takes at least
  });
});
