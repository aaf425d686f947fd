import type { EngineCard } from "../artifacts/engine-card.ts";
import type { PlannedRun, RunPlan } from "./run-plan.ts";

/** Something that will go wrong or slowly, and what to do about it. */
export interface PlanWarning {
  finding: string;
  advice: string;
}

/** What is known of the model beside its shape. */
export interface ModelRemarks {
  dtype: string | undefined;
  contextLength: number | undefined; // that it was trained for
}

/** What speaks against a run on an engine: that it cannot start, then that it fails, then that it is slow. */
export function planWarnings(card: EngineCard, run: PlannedRun, plan: RunPlan, model: ModelRemarks): PlanWarning[] {
  return [
    ...cannotStart(card, run, plan),
    ...failsOnGpu(card, model),
    ...contextIsShort(run, plan, model.contextLength),
    ...batchIsOff(card, run, plan),
    ...timeIsShort(run, plan),
  ];
}

function cannotStart(card: EngineCard, { maxModelLen }: PlannedRun, plan: RunPlan): PlanWarning[] {
  const { gpu, gpuCount, model } = card;
  const found: PlanWarning[] = [];
  if (gpu.unsupported !== undefined) {
    found.push({ finding: `a ${gpu.name} is not supported: ${gpu.unsupported}`, advice: "Take another GPU." });
  }
  if (model.attentionHeads % gpuCount !== 0) {
    found.push({
      finding: `${model.attentionHeads} attention heads cannot be divided among ${gpuCount} GPUs`,
      advice: "Take a number of GPUs that divides them.",
    });
  }
  if (plan.kvTokens === 0) {
    found.push({
      finding: `it does not fit: ${gigabytes(plan.weightBytes)} GB of weights on ${gpuCount} × ${gpu.memoryGiB} GiB leave no room for a KV cache`,
      advice: "Take weights of fewer bits (GPTQ or AWQ), or more GPUs.",
    });
  } else if (plan.kvTokens < maxModelLen) {
    found.push({
      finding: `the KV cache holds ${plan.kvTokens} tokens, less than one context of ${maxModelLen}: vLLM does not start`,
      advice: `Start it with --max-model-len ${plan.kvTokens} or less, or take weights of fewer bits, or more GPUs.`,
    });
  }
  return found;
}

/** Turing's and older GPUs' limits (docs/t4.md has the sources). */
function failsOnGpu({ gpu, model }: EngineCard, { dtype }: ModelRemarks): PlanWarning[] {
  if (gpu.computeCapability >= 8) return [];
  const found: PlanWarning[] = [];
  if (model.headDimension > 128) {
    found.push({
      finding: `heads of ${model.headDimension} need more shared memory than the 64 KiB of a ${gpu.name}: the server starts, and its first request fails`,
      advice: "Take a model with heads of 128 or less; `sctir doctor CONFIG` sends a first request.",
    });
  }
  if (dtype === "bfloat16") {
    found.push({
      finding: `the model is in bfloat16, which a ${gpu.name} does not have; values beyond fp16's range overflow`,
      advice:
        "Start vLLM with --dtype half, as scripts/serve-t4.sh does, and look at a few texts before a long run: sctir solve.",
    });
  }
  return found;
}

function contextIsShort({ config, maxModelLen }: PlannedRun, plan: RunPlan, contextLength?: number): PlanWarning[] {
  const { maxTokens } = config.sampling;
  const { turns, promptTokens } = plan.worst.length;
  const found: PlanWarning[] = [];
  if (contextLength !== undefined && contextLength < maxModelLen) {
    found.push({
      finding: `the model was trained for a context of ${contextLength}, and ${maxModelLen} is planned`,
      advice: `Start the server with --max-model-len ${contextLength}, and set engine.maxModelLen to it.`,
    });
  }
  const most = Math.round(promptTokens + turns * maxTokens);
  if (promptTokens + maxTokens > maxModelLen) {
    found.push({
      finding: `one turn of ${maxTokens} tokens does not fit the context of ${maxModelLen} beside a prompt of ${Math.round(promptTokens)}`,
      advice: "Lower sampling.maxTokens, or start the server with a longer context.",
    });
  } else if (most > maxModelLen) {
    found.push({
      finding: `${turns} turns of ${maxTokens} tokens and the prompt are ${most}, more than the context of ${maxModelLen}: long candidates end context-full`,
      advice: "Intended, as in the winning notebook; else lower sampling.maxTokens or sampling.depth.",
    });
  }
  return found;
}

function batchIsOff(card: EngineCard, { config, servers }: PlannedRun, { expected, inFlight }: RunPlan): PlanWarning[] {
  if (expected.speed === null) return [];
  const { schedule } = config;
  const { fitAtEnd, fitOnAverage } = expected;
  const sequencesAtMost = servers * card.maxSequences;
  const running = Math.min(inFlight, sequencesAtMost);
  const found: PlanWarning[] = [];
  if (inFlight > sequencesAtMost) {
    found.push({
      finding: `${inFlight} candidates are in flight, and the engine decodes ${sequencesAtMost} at once: the rest waits there`,
      advice: `Start it with --max-num-seqs ${Math.ceil(inFlight / servers)}, or set schedule.concurrency to ${sequencesAtMost}.`,
    });
  }
  if (running > fitAtEnd) {
    const [fit, consequence] =
      running > fitOnAverage
        ? [fitOnAverage, "of average length: some wait, or are thrown out and computed again (preemption)"]
        : [fitAtEnd, "at their end: when many are long at once, some are thrown out and computed again (preemption)"];
    found.push({
      finding: `${running} candidates run at once, and the KV cache holds ${fit} ${consequence}`,
      advice: `Set schedule.concurrency to ${Math.max(1, fit)}; or take a model with fewer KV heads, weights of fewer bits, or shorter turns.`,
    });
  }
  const room = Math.min(sequencesAtMost, fitAtEnd);
  if (schedule.mode === "throughput" && inFlight === schedule.concurrency && room > 1.5 * inFlight) {
    found.push({
      finding: `the engine has room for ${room} candidates, and only ${inFlight} are in flight`,
      advice: `Set schedule.concurrency to ${room}: the same step then serves more of them.`,
    });
  }
  return found;
}

function timeIsShort({ config }: PlannedRun, { expected }: RunPlan): PlanWarning[] {
  const { sampling, budget } = config;
  const budgets = [
    { key: "problemSeconds", seconds: budget.problemSeconds, range: expected.speed?.withinProblemSeconds },
    { key: "totalSeconds", seconds: budget.totalSeconds, range: expected.speed?.withinTotalSeconds },
  ];
  return budgets.flatMap(({ key, seconds, range }) =>
    !range || range.low >= sampling.width
      ? []
      : {
          finding: `within budget.${key} of ${seconds} s, ${range.low} to ${Math.min(range.high, sampling.width)} of a problem's ${sampling.width} candidates end`,
          advice: "Lower sampling.width, or give it more time; a vote takes the answers there are.",
        },
  );
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
