import type { EngineCard } from "../pipeline/artifacts/engine-card.ts";
import { loadEngineCard } from "../pipeline/commands/engine-card-file.ts";
import { randomStream, shuffled } from "../pipeline/core/seed.ts";
import { UserError } from "../pipeline/core/user-error.ts";
import { dataFolder, hasDataFolder } from "../tests/helpers/data-folder.ts";
import type { Benchmark } from "./benchmark.ts";
import {
  draw,
  draws,
  fullSeconds,
  leadOf,
  type Mean,
  mean,
  ordersOfADraw,
  problemsOfAnExam,
  sitMany,
  summaryOf,
} from "./budgets/exam-scores.ts";
import { bank, fixed, greedy, otherBanks, type SharingRule } from "./budgets/sharing-rules.ts";
import { type TimedProblem, timedProblem } from "./budgets/timed-problem.ts";
import { type RecordedCandidate, recordedSets } from "./recorded-votes.ts";

const cardName = "t4x2-deepseekmath-7b-gptq8";
const width = 48;
const totals = [0.4, 0.6, 0.8, 1]; // shares of what an exam takes in full, on average
const rules = [greedy, fixed, ...otherBanks, bank];

/** The sets of recorded-votes.ts, by the names that they have here. */
const sources = [
  ["MATH", "Qwen2.5-Math CoT on MATH, 8 wide"],
  ["AIME", "five chat models on AIME, 5 wide"],
  ["AIMO-1", "the same, pooled, 48 wide"],
] as const;

/** Under one rule, the exams of one set in one total time. */
interface Outcome extends ReturnType<typeof summaryOf> {
  set: string;
  total: number;
  rule: SharingRule;
  /** How many more the bank answers. */
  lead: Mean;
}

export const benchmark: Benchmark = {
  name: "budgets",
  compares:
    "Exams of 50 problems under a total time, in random orders, on an emulated engine: a bank with problems that take what " +
    "they need until the time is out, with the same time for each, and with other shares of the bank.",

  async measure({ say }) {
    if (!hasDataFolder) throw new UserError("The folder of recordings is absent.", { hint: "Name it in SCTIR_DATA." });
    const outcomes: Outcome[] = [];
    for (const { name: set, problems } of timedSets(await loadEngineCard(cardName))) {
      say(set);
      for (const total of totals) {
        const totalSeconds = total * fullSeconds(problems);
        const ofBank = sitMany(problems, totalSeconds, bank);
        for (const rule of rules) {
          const exams = sitMany(problems, totalSeconds, rule);
          outcomes.push({ set, total, rule, ...summaryOf(exams), lead: leadOf(ofBank, exams) });
        }
      }
    }
    return {
      conditions: { card: cardName, width, exams: draws * ordersOfADraw, problems: problemsOfAnExam },
      rows: [],
      figures: outcomes.filter(({ rule }) => !otherBanks.includes(rule)).map(figuresOf),
      aims: aimsOf(outcomes),
    };
  },
};

/** Each set's problems, alone on the engine; and as many of each set together. */
function timedSets(card: EngineCard): { name: string; problems: TimedProblem[] }[] {
  const random = randomStream(1);
  const recorded = recordedSets(dataFolder);
  const sets = sources.map(([name, source]) => {
    const problems = recorded.find((set) => set.name === source)?.problems ?? [];
    return { name, problems: problems.map((candidates) => timedProblem(card, widened(candidates, random))) };
  });
  const each = Math.min(...sets.map(({ problems }) => problems.length));
  return [
    ...sets,
    { name: "mixed", problems: sets.flatMap(({ problems }) => shuffled(problems, random).slice(0, each)) },
  ];
}

/** Where fewer candidates are recorded than run, those that run are drawn from them. */
function widened(candidates: readonly RecordedCandidate[], random: () => number): RecordedCandidate[] {
  if (candidates.length === width) return [...candidates];
  return Array.from({ length: width }, (_, candidate) => ({ ...draw(candidates, random), candidate }));
}

function figuresOf({ set, total, rule, lead, ...summary }: Outcome) {
  return {
    ...{ exam: `${set}, ${100 * total} %`, rule: rule.name, score: summary.score, "worst 5 %": summary.worst },
    ...{ "sd over orders": summary.spreadOverOrders, "sd in all": summary.spread },
    "time unused %": 100 * summary.unused,
    "the bank's lead": rule === bank ? "" : `${signed(lead.mean)} ± ${lead.error.toFixed(2)}`,
  };
}

function aimsOf(outcomes: readonly Outcome[]) {
  const isShort = ({ total }: Outcome) => total < 1;
  const [ofGreedy, ofFixed, ofBank] = [greedy, fixed, bank].map((rule) => outcomes.filter((one) => one.rule === rule));
  const spreads = (of: Outcome[] = []) => of.filter(isShort).map(({ spreadOverOrders }) => spreadOverOrders);
  const calmer = spreads(ofBank).filter((spread, index) => spread < (spreads(ofGreedy)[index] ?? 0)).length;
  const mixed = ofGreedy?.filter((one) => one.set === "mixed" && isShort(one)) ?? [];
  const banks = otherBanks.map((rule) => outcomes.filter((one) => one.rule === rule));
  return [
    {
      aim: "where time is short (40 to 80 %), the order changes the bank's score less than greedy's, in each set and total",
      measured: `in ${calmer} of ${spreads(ofBank).length}`,
      reached: calmer === spreads(ofBank).length,
    },
    {
      aim: "where time is short and problems are mixed, the bank answers more than greedy does",
      measured: `${worded(mixed)}; in all sets and totals ${worded(ofGreedy)}`,
      reached: mixed.every(({ lead }) => lead.mean > 2 * lead.error),
    },
    {
      aim: "the bank answers no fewer than fixed times do, over all sets and totals",
      ...{ measured: worded(ofFixed), reached: meanLead(ofFixed) >= 0 },
    },
    {
      aim: "no other share of the bank answers a quarter of a problem more, over all sets and totals",
      measured: banks.map((of) => `${of[0]?.rule.name} ${worded(of)}`).join("; "),
      reached: banks.every((of) => meanLead(of) > -0.25),
    },
  ];
}

function meanLead(outcomes: readonly Outcome[] = []): number {
  return mean(outcomes.map(({ lead }) => lead.mean));
}

function worded(outcomes: readonly Outcome[] = []): string {
  const leads = outcomes.map(({ lead }) => lead.mean);
  return `${signed(mean(leads))} (${signed(Math.min(...leads))} to ${signed(Math.max(...leads))})`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
