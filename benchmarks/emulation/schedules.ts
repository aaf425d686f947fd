import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import type { EngineCard } from "../../pipeline/artifacts/engine-card.ts";
import { type Profile, profileSchema } from "../../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { stepSeconds } from "../../pipeline/core/engine-arithmetic.ts";
import type { EngineState } from "../../pipeline/core/engine-model/engine-model.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { emptyCheckpoint, generateCandidates } from "../../pipeline/stages/generate.ts";
import { LengthEngine } from "./length-engine.ts";
import { type ProgramCost, Programs } from "./programs.ts";
import type { ProblemLengths } from "./recorded-traces.ts";

/** What a schedule has to do, and with what. */
export interface Workload {
  card: EngineCard;
  problems: readonly ProblemLengths[];
  programs: ProgramCost;
}

export interface Makespan {
  seconds: number;
  engine: EngineState;
}

/** Runs a schedule on virtual time. */
async function timed(
  { card, problems, programs }: Workload,
  schedule: (engine: LengthEngine, programs: Programs, clock: VirtualClock) => Promise<unknown>,
): Promise<Makespan> {
  const clock = new VirtualClock();
  const engine = new LengthEngine(card, problems, clock);
  await schedule(engine, new Programs(clock, programs), clock);
  return { seconds: clock.now() / 1000, engine: engine.timed.state() };
}

/** The generate stage. */
export function ours(
  workload: Workload,
  profile: Profile,
  schedule: { mode: "throughput" | "exam"; concurrency: number },
): Promise<Makespan> {
  const [first] = workload.problems;
  const config = runConfigSchema.parse({
    problems: [{ set: "lengths", file: "unused.jsonl" }],
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "lengths" },
    sampling: { width: first?.traces.length ?? 1, depth: 4 },
    schedule,
  });
  return timed(workload, (engine, programs, clock) =>
    generateCandidates(
      workload.problems.map((_, index) => {
        const id = `lengths/${index}`;
        return { problemId: id, set: "lengths", statement: "x".repeat(600), gold: "42", answer: "42", flags: [] };
      }),
      emptyCheckpoint(),
      {
        ...{ engine: engine.port, sandbox: programs.sandbox, clock, observe: () => {} },
        journal: { append: async () => {}, close: async () => {} },
      },
      {
        config: { ...config, answer: profile.policy },
        rules: reasoningRules(profile, config),
        ...{ beganAt: 0, stopping: new AbortController().signal, secondsSpent: 0 },
      },
    ),
  );
}

/** A profile that answers without a program before it, as traces of lengths may. */
export function lengthsProfile(tir: unknown): Profile {
  const profile = profileSchema.parse(tir);
  return { ...profile, withoutCode: "go-on", answer: { ...profile.answer, needsOutput: false } };
}

/**
 * The winning notebook's: one problem at a time, in rounds. All candidates that are left write a turn, then all their
 * programs run, then the next round.
 */
export function lockstep(workload: Workload): Promise<Makespan> {
  return timed(workload, async (engine, programs) => {
    for (const [problem, { traces }] of workload.problems.entries()) {
      let left = traces.map((_, candidate) => candidate);
      for (let turn = 0; left.length > 0; turn += 1) {
        const written = await Promise.all(
          left.map(async (candidate) => ({ candidate, ...(await engine.write({ problem, candidate, turn })) })),
        );
        left = written.filter(({ isLast }) => !isLast).map(({ candidate }) => candidate);
        await Promise.all(left.map(() => programs.run()));
      }
    }
  });
}

/** NeMo-Skills' way: a loop per candidate, so many at a time, and one set of problems after the other. */
export function loops(workload: Workload, concurrency: number, setSize: number): Promise<Makespan> {
  return timed(workload, async (engine, programs) => {
    for (let start = 0; start < workload.problems.length; start += setSize) {
      const set = workload.problems.slice(start, start + setSize);
      const width = set[0]?.traces.length ?? 0;
      // One file per seed: the first sample of every problem, then the second, …
      const all = Array.from({ length: width }, (_, candidate) => candidate)
        .flatMap((candidate) => set.map((_, index) => ({ problem: start + index, candidate })))
        .values();
      const worker = async () => {
        for (const key of all) {
          for (let turn = 0; !(await engine.write({ ...key, turn })).isLast; turn += 1) await programs.run();
        }
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
    }
  });
}

/**
 * Seconds that no schedule can undercut: the engine's work at its full rate, or the longest chain of one candidate's
 * turns and programs on an engine that it has to itself, whichever is larger.
 *
 * At the full rate as many sequences are decoded in each step as the engine takes, or as its cache holds at the mean
 * length that they have while they are decoded; each prompt and each output is computed once, all of it in full chunks.
 */
export function lowerBound({ card, problems, programs }: Workload, cacheTokens: number): number {
  let decodeTokens = 0;
  let contextTokens = 0; // read for all of them
  let promptTokens = 0;
  let longest = 0;
  for (const { promptTokens: prompt, traces } of problems) {
    promptTokens += prompt;
    for (const { turns } of traces) {
      let context = prompt;
      let chain = stepSeconds(card, { promptTokens: prompt, sequences: 0, contextTokens: 0 });
      for (const [turn, { tokens, outputTokens }] of turns.entries()) {
        decodeTokens += tokens;
        contextTokens += tokens * (context + tokens / 2);
        chain += tokens * stepSeconds(card, { promptTokens: 0, sequences: 1, contextTokens: context + tokens / 2 });
        context += tokens + outputTokens;
        promptTokens += outputTokens;
        if (turn < turns.length - 1) chain += programs.milliseconds / 1000;
      }
      longest = Math.max(longest, chain);
    }
  }
  const meanContext = contextTokens / decodeTokens;
  const sequences = Math.min(card.maxSequences, cacheTokens / meanContext);
  const step = stepSeconds(card, { promptTokens: 0, sequences, contextTokens: sequences * meanContext });
  const chunk = card.maxBatchedTokens;
  const prefill = (promptTokens / chunk) * stepSeconds(card, { promptTokens: chunk, sequences: 0, contextTokens: 0 });
  return Math.max((decodeTokens / sequences) * step + prefill, longest);
}
