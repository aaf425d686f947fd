import { fileURLToPath } from "node:url";
import type { EngineCard } from "../pipeline/artifacts/engine-card.ts";
import { loadEngineCard } from "../pipeline/commands/engine-card-file.ts";
import { readYaml } from "../pipeline/commands/yaml-file.ts";
import { kvTokens } from "../pipeline/core/engine-arithmetic.ts";
import { UserError } from "../pipeline/core/user-error.ts";
import type { Benchmark } from "./benchmark.ts";
import type { ProgramCost } from "./emulation/programs.ts";
import { recordedProblems } from "./emulation/recorded-traces.ts";
import {
  lengthsProfile,
  lockstep,
  loops,
  lowerBound,
  type Makespan,
  ours,
  type Workload,
} from "./emulation/schedules.ts";

const width = 48;
const depth = 4;
const setSize = 10; // problems, of a set that the loops take on at a time

/** A program's own time is taken to be 50 ms; the rest is the interpreter's. See benchmarks/python-execution.ts. */
const pool: ProgramCost = { milliseconds: 60, atATime: 2 };
const freshInterpreters: ProgramCost = { milliseconds: 300, atATime: 4 }; // 250 ms to start and import, four at a time
const free: ProgramCost = { milliseconds: 0, atATime: 1 };

interface Setting {
  name: string;
  card: string;
  change?: Partial<EngineCard>;
}

const settings: Setting[] = [
  { name: "DeepSeekMath-7B on 2 T4", card: "t4x2-deepseekmath-7b-gptq8" },
  { name: "Qwen2.5-Math-7B on 2 T4", card: "t4x2-qwen25-math-7b-gptq8" },
  { name: "the same, 128 sequences", card: "t4x2-qwen25-math-7b-gptq8", change: { maxSequences: 128 } },
  { name: "DeepSeekMath-7B on an H100", card: "h100-deepseekmath-7b-fp16" },
];

export const benchmark: Benchmark = {
  name: "makespan",
  compares:
    "How long 41 problems of 48 recorded candidates take on emulated engines: the generate stage, the winning notebook's " +
    "lockstep, a loop per candidate with one set after the other, and the time that no schedule undercuts.",

  async measure({ say }) {
    const problems = recordedProblems(width, depth);
    if (problems.length === 0) {
      throw new UserError("The folder of recordings is absent.", { hint: "Name it in SCTIR_DATA." });
    }
    const profile = lengthsProfile(
      await readYaml(fileURLToPath(new URL("../profiles/tir.yaml", import.meta.url)), "profile"),
    );
    const figures: Record<string, string | number>[] = [];
    const aims = [];
    for (const { name, card: cardName, change } of settings) {
      say(name);
      const card = { ...(await loadEngineCard(cardName)), ...change };
      const workload = (programs: ProgramCost): Workload => ({ card, problems, programs });
      const concurrency = Math.round(1.25 * card.maxSequences);
      const bound = lowerBound(workload(pool), kvTokens(card));
      const throughput = await ours(workload(pool), profile, { mode: "throughput", concurrency });
      const exam = await ours(workload(pool), profile, { mode: "exam", concurrency: width });
      const notebook = await lockstep(workload(freshInterpreters));
      const notebookFree = await lockstep(workload(free));
      const line = (way: string, { seconds, engine }: Makespan) =>
        figures.push({
          ...{ engine: name, way, seconds: Math.round(seconds), "of the bound": seconds / bound },
          "sequences per step": engine.generatedTokens / engine.steps,
          preempted: engine.preemptions,
          "prompt tokens cached %": (100 * engine.cacheHits) / engine.cacheQueries,
        });
      figures.push({ engine: name, way: "lower bound", seconds: Math.round(bound), "of the bound": 1 });
      line("sctir, throughput", throughput);
      line("sctir, exam", exam);
      line("lockstep, an interpreter per program", notebook);
      line("lockstep, programs cost nothing", notebookFree);
      line("loops, one set after the other", await loops(workload(pool), card.maxSequences, setSize));
      const times = (slow: Makespan, fast: Makespan) => slow.seconds / fast.seconds;
      aims.push(
        atMost(`${name}, throughput: within 3 % of the lower bound`, throughput.seconds / bound, 1.03),
        atLeast(`${name}, throughput: 2.5 times as fast as lockstep`, times(notebook, throughput), 2.5),
        atLeast(
          `${name}, throughput: twice as fast as lockstep whose programs cost nothing`,
          times(notebookFree, throughput),
          2,
        ),
        atLeast(`${name}, exam: 1.3 times as fast as lockstep`, times(notebook, exam), 1.3),
      );
    }
    return { conditions: { problems: problems.length, width, depth }, rows: [], figures, aims };
  },
};

function atMost(aim: string, value: number, limit: number) {
  return { aim, measured: `${(100 * (value - 1)).toFixed(1)} % above it`, reached: value <= limit };
}

function atLeast(aim: string, value: number, limit: number) {
  return { aim, measured: `${value.toFixed(2)} times`, reached: value >= limit };
}
