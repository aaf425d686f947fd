import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { sum } from "../pipeline/core/sum.ts";
import type { Benchmark, BenchmarkResult } from "./benchmark.ts";
import { quantile } from "./interleaved-rounds.ts";
import { depth, makeRun } from "./row-stages/made-run.ts";

export type Pass = "plain candidates" | "plain turns" | "vote" | "resume" | "score";

/** What a pass took: of one core's time, and of memory at most. */
export interface Taken {
  cpuMilliseconds: number;
  peakMebibytes: number;
}

const largest = 100_000; // candidates
const sizes = [1000, 10_000, largest];
const roundsOfLargest = 3; // a gigabyte is read four times in each
const passes: readonly Pass[] = ["plain candidates", "plain turns", "vote", "resume", "score"];
const program = fileURLToPath(new URL("./row-stages/one-pass.ts", import.meta.url));

/** Which rows a stage reads, and what does nothing but read them. */
const stages = [
  { stage: "vote", rowsPerCandidate: 1, plain: ["plain candidates"] },
  { stage: "resume", rowsPerCandidate: depth, plain: ["plain turns"] },
  { stage: "score", rowsPerCandidate: 1 + depth, plain: ["plain candidates", "plain turns"] },
] as const;

interface Measured {
  stage: string;
  candidates: number;
  microsecondsPerRow: number;
  ratio: number;
  ratios: readonly number[]; // by round
  peakMebibytes: number;
}

export const benchmark: Benchmark = {
  name: "row-stages",
  compares:
    "vote, resume and score of made runs of four turns per candidate and 3 KB per turn, with readline and JSON.parse over " +
    "the same rows. Each pass in a process of its own; of one core's time.",

  async measure({ rounds, say }) {
    const folder = await mkdtemp(join(tmpdir(), "sctir-bench-"));
    const measured: Measured[] = [];
    try {
      for (const candidates of sizes) {
        const directory = join(folder, String(candidates));
        await mkdir(directory);
        await makeRun(directory, candidates);
        const taken: Record<Pass, Taken>[] = [];
        for (
          let round = 1;
          round <= (candidates === largest ? Math.min(rounds, roundsOfLargest) : rounds);
          round += 1
        ) {
          say(`${candidates} candidates, round ${round}`);
          // As the launcher does, so that none has to translate TypeScript.
          taken.push(await eachPass(directory, { NODE_COMPILE_CACHE: join(folder, "compiled") }));
        }
        measured.push(...stages.map((stage) => measuredOf(stage, candidates, taken)));
        await rm(directory, { recursive: true });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    return {
      conditions: { turnsPerCandidate: depth },
      rows: [],
      figures: measured.map(figuresOf),
      aims: aimsOf(measured),
    };
  },
};

async function eachPass(directory: string, env: NodeJS.ProcessEnv): Promise<Record<Pass, Taken>> {
  const taken: Partial<Record<Pass, Taken>> = {};
  for (const pass of passes) {
    const { stdout } = await execa(process.execPath, [program, pass, directory], { env });
    taken[pass] = JSON.parse(stdout);
  }
  return taken as Record<Pass, Taken>;
}

function measuredOf(
  { stage, rowsPerCandidate, plain }: (typeof stages)[number],
  candidates: number,
  rounds: readonly Record<Pass, Taken>[],
): Measured {
  const ratios = rounds.map(
    (taken) => taken[stage].cpuMilliseconds / sum(plain.map((pass) => taken[pass].cpuMilliseconds)),
  );
  const milliseconds = quantile(
    rounds.map((taken) => taken[stage].cpuMilliseconds),
    0.5,
  );
  return {
    stage,
    candidates,
    microsecondsPerRow: (1000 * milliseconds) / (rowsPerCandidate * candidates),
    ratio: quantile(ratios, 0.5),
    ratios,
    peakMebibytes: Math.max(...rounds.map((taken) => taken[stage].peakMebibytes)),
  };
}

function figuresOf({ stage, candidates, microsecondsPerRow, ratio, ratios, peakMebibytes }: Measured) {
  return {
    stage,
    candidates: String(candidates),
    "µs per row": microsecondsPerRow,
    "of plain reading": ratio,
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
    "peak MiB": Math.round(peakMebibytes),
  };
}

function aimsOf(measured: readonly Measured[]): BenchmarkResult["aims"] {
  const ofLargest = measured.filter(({ candidates }) => candidates === largest);
  const peak = Math.max(...ofLargest.map(({ peakMebibytes }) => peakMebibytes));
  return [
    ...ofLargest.map(({ stage, ratio }) => ({
      aim: `${stage} of ${largest} candidates takes at most 1.5 times as long as plain reading`,
      ...{ measured: ratio.toFixed(2), reached: ratio <= 1.5 },
    })),
    {
      aim: `no stage has more than 350 MiB resident at ${largest} candidates`,
      ...{ measured: `${peak.toFixed(0)} MiB`, reached: peak <= 350 },
    },
  ];
}
