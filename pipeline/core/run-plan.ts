import type { EngineCard } from "../artifacts/engine-card.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import type { CandidateLength } from "./candidate-length.ts";
import {
  bandwidthCeiling,
  cardWeightBytes,
  kvBytesPerToken,
  kvTokens,
  type Pace,
  stepSeconds,
} from "./engine-arithmetic.ts";

/** The two ends of what is not known exactly. */
export interface Range {
  low: number;
  high: number;
}

/** What a run asks of its engine. */
export interface PlannedRun {
  config: Pick<RunConfig, "strategy" | "sampling" | "schedule" | "budget">;
  /** Problems after filtering; undefined where no file tells. */
  problems: number | undefined;
  /** Servers that share the work, each as the card says. */
  servers: number;
  maxModelLen: number;
}

/** One assumption on the candidates' length, and what follows from it. */
export interface CasePlan {
  length: CandidateLength;
  tokensAtEnd: number; // of one candidate, in the KV cache
  tokensOnAverage: number; // while it is decoded
  fitAtEnd: number; // candidates in the KV cache, all of them at their end; over all servers
  fitOnAverage: number;
  decoding: number; // candidates that are decoded at once
  speed: Speed | null; // null where not one candidate fits
}

export interface Speed {
  tokensPerSecond: Range; // written, over all servers
  ceiling: number; // the same at the full memory bandwidth
  secondsPerCandidate: Range; // from its prompt to its end, among the others
  secondsPerProblem: Range; // all its candidates, with the engine to themselves
  runSeconds: Range | null;
  /** Candidates per problem that end within the budget; null where there is none, or too little is known. */
  withinProblemSeconds: Range | null;
  withinTotalSeconds: Range | null;
}

export interface RunPlan {
  weightBytes: number; // over all GPUs of a server
  kvBytesPerToken: number;
  kvTokens: number; // of a server
  inFlight: number; // candidates that the run wants to have in flight, over all servers
  expected: CasePlan;
  worst: CasePlan;
}

/** What fits an engine, how fast it goes, and how long the run takes. Nothing is asked of an engine. */
export function planRun(card: EngineCard, run: PlannedRun, length: CandidateLength): RunPlan {
  const { strategy, sampling } = run.config;
  const turns = strategy === "sc-tir" ? sampling.depth : 1;
  return {
    weightBytes: cardWeightBytes(card),
    kvBytesPerToken: kvBytesPerToken(card.model, card.keyValueBytes),
    kvTokens: kvTokens(card),
    inFlight: candidatesInFlight(run),
    expected: planCase(card, run, length),
    worst: planCase(card, run, { ...length, turns, tokensPerTurn: sampling.maxTokens }),
  };
}

/** In an exam one problem is worked on at a time. */
function candidatesInFlight({ config, problems = Number.POSITIVE_INFINITY }: PlannedRun): number {
  const { sampling, schedule } = config;
  const groups = schedule.mode === "exam" ? 1 : sampling.replicates * problems;
  return Math.min(schedule.concurrency, sampling.width * groups);
}

function planCase(card: EngineCard, run: PlannedRun, wanted: CandidateLength): CasePlan {
  const { servers, maxModelLen } = run;
  const outputs = (wanted.turns - 1) * wanted.outputTokens;
  const room = Math.max(1, maxModelLen - wanted.promptTokens - outputs);
  const length = { ...wanted, tokensPerTurn: Math.min(wanted.tokensPerTurn, room / wanted.turns) };
  const tokensAtEnd = length.promptTokens + length.turns * length.tokensPerTurn + outputs;
  const tokensOnAverage = (length.promptTokens + tokensAtEnd) / 2;
  const fitAtEnd = Math.floor(kvTokens(card) / tokensAtEnd);
  const fitOnAverage = fitAtEnd === 0 ? 0 : Math.floor(kvTokens(card) / tokensOnAverage);
  const batch = Math.min(Math.ceil(candidatesInFlight(run) / servers), card.maxSequences, fitOnAverage);
  return {
    ...{ length, tokensAtEnd, tokensOnAverage },
    fitAtEnd: servers * fitAtEnd,
    fitOnAverage: servers * fitOnAverage,
    decoding: servers * batch,
    speed: batch === 0 ? null : speedOf(card, run, length, { batch, tokensOnAverage }),
  };
}

/**
 * Time is that of the written tokens at the batch's rate and that of the prompts. At best a problem's prompt is computed once
 * and a turn adds its program's output alone (prefix caching); at worst every turn computes its whole prompt. Not
 * counted: programs, which run meanwhile, and the end of a run or an exam's problem, when fewer and fewer candidates
 * are left.
 */
function speedOf(
  card: EngineCard,
  run: PlannedRun,
  length: CandidateLength,
  { batch, tokensOnAverage }: { batch: number; tokensOnAverage: number },
): Speed {
  const { config, servers, problems } = run;
  const { sampling, schedule, budget } = config;
  const { promptTokens, turns, tokensPerTurn, outputTokens } = length;
  const decode = { promptTokens: 0, sequences: batch, contextTokens: batch * tokensOnAverage };
  const prefill = { promptTokens: card.maxBatchedTokens, sequences: 0, contextTokens: 0 };

  const timesAt = (pace: Pace, prompts: number) => {
    const decodeSeconds = stepSeconds(card, decode, pace);
    const promptSeconds = (prompts * stepSeconds(card, prefill, pace)) / card.maxBatchedTokens;
    const written = turns * tokensPerTurn;
    return {
      rate: (servers * batch) / decodeSeconds,
      alone: written * decodeSeconds + promptSeconds, // from a candidate's begin to its end
      share: ((written * decodeSeconds) / batch + promptSeconds) / servers, // of the engine's time
    };
  };
  const fast = timesAt("high", promptTokens / sampling.width + (turns - 1) * outputTokens);
  const grown = ((tokensPerTurn + outputTokens) * turns * (turns - 1)) / 2;
  const slow = timesAt("low", turns * promptTokens + grown);

  const seconds = (of: (times: typeof fast) => number): Range => ({ low: of(fast), high: of(slow) });
  const candidatesWithin = (available: number, part: number): Range => {
    const at = ({ alone, share }: typeof fast) => (alone > available ? 0 : Math.floor((available * part) / share));
    return { low: at(slow), high: at(fast) };
  };
  const groups = problems === undefined ? undefined : problems * sampling.replicates;
  const partOfEngine = schedule.mode === "exam" ? 1 : Math.min(1, sampling.width / candidatesInFlight(run));
  return {
    tokensPerSecond: { low: slow.rate, high: fast.rate },
    ceiling: servers * bandwidthCeiling(card, decode),
    secondsPerCandidate: seconds(({ alone }) => alone),
    secondsPerProblem: seconds(({ alone, share }) => Math.max(alone, sampling.width * share)),
    runSeconds: groups === undefined ? null : seconds(({ share }) => groups * sampling.width * share),
    withinProblemSeconds: budget.problemSeconds === null ? null : candidatesWithin(budget.problemSeconds, partOfEngine),
    withinTotalSeconds:
      budget.totalSeconds === null || groups === undefined ? null : candidatesWithin(budget.totalSeconds / groups, 1),
  };
}
