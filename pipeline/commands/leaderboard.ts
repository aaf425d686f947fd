import type { CommandModule } from "yargs";
import { readMixture } from "../core/leaderboard/competition.ts";
import { leaderboardOf } from "../core/leaderboard/leaderboard.ts";
import { UserError } from "../core/user-error.ts";
import { leaderboardCsv, leaderboardPage } from "./leaderboard-page.ts";
import { printJson, printLine } from "./output.ts";
import { readScoredRuns } from "./scored-runs.ts";

interface LeaderboardArguments {
  directories: string[];
  problems: number;
  mixture?: string;
  submissions: number;
  draws: number;
  seed: number;
  json: boolean;
  csv: boolean;
}

export const command: CommandModule<unknown, LeaderboardArguments> = {
  command: "leaderboard <directories..>",
  describe: "what a competition of 50 problems would show of these runs",
  builder: (args) =>
    args
      .positional("directories", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "scored run directories",
      })
      .option("problems", { type: "number", default: 50, describe: "problems in the competition" })
      .option("mixture", {
        type: "string",
        describe: "shares of the sets: amc=.3,aime=.3,math-l5=.4 [any problem of the runs]",
      })
      .option("submissions", {
        type: "number",
        default: 20,
        describe: "how often one run is submitted, to take the best",
      })
      .option("draws", { type: "number", default: 20_000, describe: "competitions drawn, for places and choices" })
      .option("seed", { type: "number", default: 1, describe: "of these draws" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .option("csv", { type: "boolean", default: false, describe: "print one line per run" })
      .example("$0 leaderboard results/step-900", "how far apart two submissions of one model may land")
      .example("$0 leaderboard results/a results/b --mixture amc=.5,aime=.5", "who would be ahead?") as never,
  handler: async ({ directories, problems, mixture, submissions, draws, seed, json, csv }) => {
    if (json && csv) throw new UserError("--json and --csv are two ways to print the same.", { hint: "Choose one." });
    checkCounts({ problems, submissions, draws });
    const shares = mixture === undefined ? undefined : readMixture(mixture);
    const runs = await readScoredRuns(directories);
    const leaderboard = leaderboardOf(runs, { problems, mixture: shares, submissions, draws, seed });
    if (json) return printJson(leaderboard);
    printLine(csv ? leaderboardCsv(leaderboard) : leaderboardPage(leaderboard));
  },
};

const most = { problems: 10_000, submissions: 1_000_000, draws: 10_000_000 };

function checkCounts(counts: Record<keyof typeof most, number>): void {
  for (const [name, count] of Object.entries(counts) as [keyof typeof most, number][]) {
    if (Number.isInteger(count) && count >= 1 && count <= most[name]) continue;
    throw new UserError(`--${name} ${count}: expected a whole number from 1 to ${most[name]}.`, {
      hint: "`sctir leaderboard --help` shows what it means.",
    });
  }
}
