import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { compareRuns } from "../pipeline/core/comparison/compare-runs.ts";
import type { RunResults } from "../pipeline/core/run-results.ts";
import { randomStream } from "../pipeline/core/seed.ts";
import { hasDataFolder } from "../tests/helpers/data-folder.ts";
import { levelFiveVerdicts, pairsOf } from "../tests/helpers/recorded-runs.ts";
import { scoredRun } from "../tests/helpers/scored-run.ts";
import type { Benchmark } from "./benchmark.ts";
import { quantile } from "./interleaved-rounds.ts";

const python = fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const program = fileURLToPath(new URL("./comparison/scipy-bootstrap.py", import.meta.url));
const pairsOfSciPy = 5; // each round; all of them would take a quarter of an hour

export const benchmark: Benchmark = {
  name: "comparison",
  compares:
    "All pairs of 43 models on 721 problems by `sctir compare`, with SciPy's stats.bootstrap (BCa, 10,000 resamples) of some of " +
    "the same pairs, which gives the interval alone. Of one core's time.",

  async measure({ rounds, say }) {
    if (!hasDataFolder) say("The folder of recordings is absent (SCTIR_DATA): verdicts are drawn.");
    const verdicts = hasDataFolder ? recordedVerdicts() : drawnVerdicts();
    const pairs = pairsOf(verdicts);
    const measured: { ours: number; theirs: number }[] = [];
    let apart = 0;
    for (let round = 0; round < rounds; round += 1) {
      say(`round ${round + 1}`);
      const runs = verdicts.map(({ name, right }) => runOf(name, right)); // anew, as scores are kept with a run
      const began = process.cpuUsage();
      const { all } = compareRuns(runs);
      const ours = process.cpuUsage(began).user / 1000 / all.pairs.length;

      const places = Array.from({ length: pairsOfSciPy }, (_, at) => (round * pairsOfSciPy + at) * 37).map(
        (place) => place % pairs.length,
      );
      const differences = places
        .map((place) => pairs[place]?.map(({ right }) => right) ?? [])
        .map(([a = [], b = []]) => b.map((each, at) => each - (a[at] ?? 0)));
      const { stdout } = await execa(python, [program], { input: JSON.stringify(differences) });
      const theirs: { intervals: [number, number][]; seconds: number[] } = JSON.parse(stdout);
      measured.push({ ours, theirs: 1000 * quantile(theirs.seconds, 0.5) });
      for (const [at, [low, high]] of theirs.intervals.entries()) {
        const own = all.pairs[places[at] ?? 0]?.difference.intervals.find(({ method }) => method.startsWith("BCa"));
        apart = Math.max(apart, Math.abs((own?.low ?? 1) - low), Math.abs((own?.high ?? 1) - high));
      }
    }
    const [ours, theirs] = (["ours", "theirs"] as const).map((way) =>
      quantile(
        measured.map((each) => each[way]),
        0.5,
      ),
    ) as [number, number];
    const ratios = measured.map((each) => each.theirs / each.ours);
    const ratio = quantile(ratios, 0.5);
    const seconds = (ours * pairs.length) / 1000;
    return {
      conditions: { runs: verdicts.length, problems: verdicts[0]?.right.length ?? 0, rounds },
      rows: [],
      figures: [
        {
          way: "sctir compare: intervals, exact test, bootstrap, outlook",
          pairs: `${pairs.length}`,
          "ms per pair": ours,
          "s for all pairs": seconds,
          "times as long": 1,
          lowest: "",
          highest: "",
        },
        {
          way: "SciPy's stats.bootstrap, BCa, 10,000 resamples",
          pairs: `${pairsOfSciPy} a round`,
          "ms per pair": theirs,
          "s for all pairs": (theirs * pairs.length) / 1000,
          "times as long": ratio,
          lowest: Math.min(...ratios),
          highest: Math.max(...ratios),
        },
      ],
      aims: [
        {
          aim: `all ${pairs.length} pairs in at most 30 s of one core`,
          measured: `${seconds.toFixed(1)} s`,
          reached: seconds <= 30,
        },
        {
          aim: "a pair takes at most a tenth of SciPy's bootstrap",
          measured: `${ratio.toFixed(0)} times as fast`,
          reached: ratio >= 10,
        },
        {
          aim: "the bootstrap's ends are SciPy's, within half a point",
          measured: `${(100 * apart).toFixed(2)} points at most`,
          reached: apart < 0.005,
        },
      ],
    };
  },
};

interface Verdicts {
  name: string;
  right: number[]; // by problem, 1 or 0
}

/** A problem that a model was not asked counts as wrong here: all pairs are to be of the same size. */
function recordedVerdicts(): Verdicts[] {
  const models = [...levelFiveVerdicts()];
  const problems = [...new Set(models.flatMap(([, verdicts]) => [...verdicts.keys()]))];
  return models.map(([name, verdicts]) => ({ name, right: problems.map((problem) => verdicts.get(problem) ?? 0) }));
}

function drawnVerdicts(): Verdicts[] {
  const random = randomStream(1);
  const hardness = Array.from({ length: 721 }, () => random());
  return Array.from({ length: 43 }, (_, at) => {
    const skill = 0.1 + (0.8 * at) / 42;
    return { name: `model ${at}`, right: hardness.map((hard) => (random() < skill ** (2 * hard) ? 1 : 0)) };
  });
}

function runOf(name: string, right: readonly number[]): RunResults {
  return scoredRun(name, Object.fromEntries(right.map((each, at) => [`level-5/${at}`, [[each === 1 ? "1" : "0"]]])));
}
