import { type Band, bands, type Paired } from "../tests/helpers/coverage.ts";
import type { Benchmark } from "./benchmark.ts";
import { runSimulations } from "./coverage/run-simulations.ts";
import type { Held, HeldByName, Setting, Simulation } from "./coverage/simulation.ts";

const runsPerRound = 200; // of each topic and band
const few = [83, 90]; // amc and aime
const many = [721]; // math-level-5
const widths = [1, 8, 48];
const pairings: [string, Paired][] = [
  ["votes of 1", { width: 1 }],
  ["4 replicates of 1", { width: 1, replicates: 4 }],
  ["votes of 8", { width: 8 }],
  ["maj@4 of 8", { width: 8, votesOf: 4 }],
  ["votes of 48", { width: 48 }],
  ["maj@8 of 48", { width: 48, votesOf: 8 }],
];
const forecasts = [
  { width: 1, replicates: 1 },
  { width: 1, replicates: 4 },
  { width: 8, replicates: 1 },
  { width: 48, replicates: 1 },
];

/** What the table tells of together: sets of these numbers of problems. */
type Topic = Setting & { what: string; problems: readonly number[] };

const topics: Topic[] = [
  ...widths.flatMap((width) =>
    [few, many].map((problems): Topic => {
      return {
        ...{ of: "score", what: `score: ${width} wide, ${problems.join(" and ")} problems` },
        ...{ setting: { width }, problems },
      };
    }),
  ),
  ...pairings.flatMap(([name, setting]) =>
    [83, 721].map((problems): Topic => {
      return { of: "compare", what: `compare: ${name}, ${problems} problems`, setting, problems: [problems] };
    }),
  ),
  ...forecasts.map((setting): Topic => {
    const what = `leaderboard: ${setting.width} wide, ${setting.replicates} replicates, 90 problems`;
    return { of: "leaderboard", what, setting, problems: [90] };
  }),
];

export const benchmark: Benchmark = {
  name: "coverage",
  compares:
    "How often 95 % intervals hold the truth, in simulated runs of known chances, with the 95 % that they promise.",

  async measure({ rounds, say }) {
    const held = new Map(topics.map(({ what }) => [what, byBand(() => new Map<string, Held>())]));
    const simulations = topics.flatMap((topic) => partsOf(topic, rounds));
    let done = 0;
    await runSimulations(simulations, ({ what, band }, figures) => {
      add(held.get(what)?.[band] ?? new Map(), figures);
      done += 1;
      if (done % 100 === 0) say(`${done} of ${simulations.length} simulations`);
    });
    const told = [...held].map(([what, ofBands]) => ({ what, told: byBand((band) => grouped(ofBands[band])) }));
    const lines = told.flatMap(({ what, told }) =>
      [...told["10 – 90 %"].keys()].map((interval) => {
        return { interval, of: what, ...byBand((band) => rangeOf(told[band].get(interval) ?? [])) };
      }),
    );
    const shares = told
      .filter(({ what }) => !what.startsWith("leaderboard"))
      .flatMap(({ what, told }) =>
        bandNames.flatMap((band) =>
          [...told[band]].flatMap(([interval, all]) =>
            all.map((each) => ({ name: `${interval}, ${what}, ${band}`, ...each })),
          ),
        ),
      );
    return { conditions: { runs: runsPerRound * rounds }, rows: [], figures: lines, aims: aimsOf(shares) };
  },
};

const bandNames = Object.keys(bands) as Band[];

function byBand<Value>(value: (band: Band) => Value): Record<Band, Value> {
  return Object.fromEntries(bandNames.map((band) => [band, value(band)])) as Record<Band, Value>;
}

/** A topic's runs, in parts small enough to keep all cores busy to the end. Seeds are the parts' numbers. */
function partsOf(topic: Topic, rounds: number): (Simulation & { what: string })[] {
  const runs = runsPerRound / topic.problems.length / (topic.of === "leaderboard" ? 4 : 1);
  const at = topics.indexOf(topic);
  return bandNames.flatMap((band, bandAt) =>
    topic.problems.flatMap((problems, problemsAt) =>
      Array.from({ length: rounds }, (_, round) => {
        const seed = ((at * bandNames.length + bandAt) * 10 + problemsAt) * 1000 + round;
        return { ...topic, problems, band, runs, seed };
      }),
    ),
  );
}

function add(all: Map<string, Held>, figures: HeldByName): void {
  for (const [name, { runs, held }] of Object.entries(figures)) {
    const sofar = all.get(name) ?? { runs: 0, held: 0 };
    all.set(name, { runs: sofar.runs + runs, held: sofar.held + held });
  }
}

/** pass@k for each k as one group, and so maj@k. What is told in fewer than half of the runs, as the bootstrap is, is left out. */
function grouped(all: ReadonlyMap<string, Held>): Map<string, Held[]> {
  const most = Math.max(...[...all.values()].map(({ runs }) => runs));
  const told = [...all].filter(([, { runs }]) => 2 * runs >= most);
  const groups = Map.groupBy(told, ([name]) => name.replace(/@\d+/u, "@k"));
  return new Map([...groups].map(([name, each]) => [name, each.map(([, held]) => held)]));
}

function shareOf({ held, runs }: Held): number {
  return held / runs;
}

function rangeOf(all: readonly Held[]): string {
  if (all.length === 0) return "";
  const shares = all.map(shareOf);
  const [least, most] = [percent(Math.min(...shares)), percent(Math.max(...shares))];
  return least === most ? least : `${least} – ${most}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** A few hundred shares are looked at, so that three standard errors are let pass. */
function aimsOf(shares: readonly (Held & { name: string })[]) {
  const beyond = (from: number, to: number) =>
    shares.filter((each) => {
      const error = Math.sqrt((0.05 * 0.95) / each.runs);
      return shareOf(each) < from - 3 * error || shareOf(each) > to + 3 * error;
    });
  const [low, outside] = [beyond(0.935, 1), beyond(0.935, 0.965)];
  const lowest = shares.toSorted((a, b) => shareOf(a) - shareOf(b))[0];
  return [
    {
      aim: "no interval holds the truth in less than 93.5 % of runs",
      measured: lowest ? `lowest ${percent(shareOf(lowest))} %: ${lowest.name}` : "none",
      reached: low.length === 0,
    },
    {
      aim: "nine of ten hold it in 93.5 to 96.5 %",
      measured: `${shares.length - outside.length} of ${shares.length}`,
      reached: outside.length <= shares.length / 10,
    },
  ];
}
