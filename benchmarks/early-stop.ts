import type { EngineCard } from "../pipeline/artifacts/engine-card.ts";
import { loadEngineCard } from "../pipeline/commands/engine-card-file.ts";
import {
  certainWinner,
  confidentWinner,
  type EarlyWinner,
  type EarlyWinnerOptions,
  type OpenVote,
} from "../pipeline/core/early-stop/early-winner.ts";
import { type Ending, stoppedVote } from "../pipeline/core/early-stop/stopped-vote.ts";
import { randomStream } from "../pipeline/core/seed.ts";
import { vote } from "../pipeline/core/vote.ts";
import { dataFolder, hasDataFolder } from "../tests/helpers/data-folder.ts";
import type { Benchmark } from "./benchmark.ts";
import { timedProblem } from "./budgets/timed-problem.ts";
import { type RecordedCandidate, recordedSets } from "./recorded-votes.ts";
import { brokenShares, drawnVotes, fixedVotes, uniformShares } from "./simulated-votes.ts";

const options: EarlyWinnerOptions = { ties: "first-seen", fallback: null, depth: 1, afterAnswer: "stop" };

interface Rule {
  name: string;
  mayChange: number; // share of winners, at most
  winnerOf(state: OpenVote): EarlyWinner | undefined;
}

const rules: Rule[] = [
  { name: "certain", mayChange: 0, winnerOf: (state) => certainWinner(state, options) },
  ...[0.99, 0.95, 0.9].map((confidence) => ({
    name: `confidence ${confidence}`,
    mayChange: 1 - confidence,
    winnerOf: (state: OpenVote) => confidentWinner(state, options, confidence),
  })),
];

export const benchmark: Benchmark = {
  name: "early-stop",
  compares:
    "Votes that are stopped early with the votes of all candidates: what is saved, and how many winners change.",

  async measure({ say }) {
    const figures: Record<string, string | number>[] = [];
    const worst = new Map(rules.map((rule) => [rule, 0]));
    const card = await loadEngineCard("t4x2-deepseekmath-7b-gptq8");
    const add = (votes: string, problems: readonly Ending[][], recorded: readonly RecordedCandidate[][] = []) => {
      say(votes);
      for (const rule of rules) {
        const { candidates, time, changed } = savings(problems, rule);
        const tokens = recorded.length > 0 ? 100 * time : "";
        const seconds = recorded.length > 0 ? 100 * secondsSaved(card, recorded, rule) : "";
        figures.push({
          ...{ votes, rule: rule.name, problems: problems.length },
          ...{ "candidates saved %": 100 * candidates, "tokens saved %": tokens },
          ...{ "time saved %": seconds, "winners changed": changed },
        });
        worst.set(rule, Math.max(worst.get(rule) ?? 0, changed / problems.length));
      }
    };

    if (!hasDataFolder) say("The folder of recordings is absent (SCTIR_DATA): simulated votes only.");
    for (const { name, problems } of hasDataFolder ? recordedSets(dataFolder) : []) {
      const endings = problems.map((candidates) => candidates.map((row) => ({ ...row, endsAt: row.tokens })));
      add(name, endings, problems);
    }
    for (const [name, votes] of simulated()) add(name, votes);
    const aims = [...worst].map(([rule, share]) => ({
      aim: `${rule.name}: at most ${(100 * rule.mayChange).toFixed(0)} % of the winners changed, in each set`,
      measured: `at most ${(100 * share).toFixed(2)} %`,
      reached: share <= rule.mayChange,
    }));
    return { conditions: { ties: options.ties, afterAnswer: options.afterAnswer }, rows: [], figures, aims };
  },
};

/**
 * What stopping saves, as shares of all, and how many winners it changes. `time` is what the cancelled candidates would
 * still have run, in the unit of `endsAt`.
 */
function savings(problems: readonly Ending[][], { winnerOf }: Pick<Rule, "winnerOf">) {
  const all = { candidates: 0, time: 0 };
  const saved = { candidates: 0, time: 0 };
  let changed = 0;
  for (const candidates of problems) {
    const { answer, at, cancelled } = stoppedVote(candidates, winnerOf);
    if (answer !== vote(candidates, options).answer) changed += 1;
    all.candidates += candidates.length;
    saved.candidates += cancelled.length;
    for (const { endsAt } of candidates) all.time += endsAt;
    for (const { endsAt } of cancelled) saved.time += endsAt - at;
  }
  return { candidates: saved.candidates / all.candidates, time: saved.time / all.time, changed };
}

/** The share of the time until a problem's vote is final, each problem alone on an emulated engine. */
function secondsSaved(card: EngineCard, problems: readonly RecordedCandidate[][], { winnerOf }: Rule): number {
  const timed = problems.map((candidates) => timedProblem(card, candidates, winnerOf));
  const sum = (seconds: number[]) => seconds.reduce((total, each) => total + each, 0);
  const stopped = sum(timed.map(({ seconds }) => seconds));
  return 1 - stopped / sum(timed.map(({ votes }) => votes.at(-1)?.at ?? 0));
}

function simulated(): [name: string, votes: Ending[][]][] {
  const random = randomStream(1);
  const drawn = { problems: 2000, width: 48, blank: 0.1 };
  return [
    ["simulated: uniform shares of what is left, 48 wide", drawnVotes(drawn, brokenShares, random)],
    ["simulated: uniform among 10 answers, 48 wide", drawnVotes(drawn, uniformShares(10), random)],
    ["simulated: uniform among 3 answers, 8 wide", drawnVotes({ ...drawn, width: 8 }, uniformShares(3), random)],
    ["simulated: 25 : 23", fixedVotes(2000, [25, 23], random)],
    ["simulated: 17 : 16 : 15", fixedVotes(2000, [17, 16, 15], random)],
  ];
}
