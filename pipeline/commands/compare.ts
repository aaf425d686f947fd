import type { CommandModule } from "yargs";
import { compareRuns } from "../core/comparison/compare-runs.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { comparisonCsv } from "./comparison-csv.ts";
import { comparisonPage } from "./comparison-page.ts";
import { printJson, printLine } from "./output.ts";
import { readScoredRuns } from "./scored-runs.ts";

interface CompareArguments {
  directories: string[];
  baseline: boolean;
  strict: boolean;
  flips: number;
  json: boolean;
  csv: boolean;
}

export const command: CommandModule<unknown, CompareArguments> = {
  command: "compare <directories..>",
  describe: "is one run better than another? paired by problem, with intervals and exact tests",
  builder: (args) =>
    args
      .positional("directories", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "scored run directories",
      })
      .option("baseline", {
        type: "boolean",
        default: false,
        describe: "compare each run with the first one only, not every pair",
      })
      .option("strict", {
        type: "boolean",
        default: false,
        describe: "refuse runs whose problems or settings differ (exit code 1)",
      })
      .option("flips", { type: "number", default: 10, describe: "how many flipped problems are listed each way" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .option("csv", { type: "boolean", default: false, describe: "print one line per pair and set" })
      .example("$0 compare results/step-800 results/step-900", "did the last hundred steps help?")
      .example("$0 compare results/base results/a results/b --baseline", "two candidates against one baseline")
      .example(
        "$0 compare results/a results/b --strict --json",
        "in a script, only if the settings are the same",
      ) as never,
  handler: async ({ directories, baseline, strict, flips, json, csv }) => {
    if (json && csv) throw new UserError("--json and --csv are two ways to print the same.", { hint: "Choose one." });
    if (directories.length < 2) {
      throw new UserError("Two runs are needed to compare.", { hint: "`sctir compare DIR DIR`" });
    }
    const runs = await readScoredRuns(directories);
    const comparison = compareRuns(runs, { baseline });
    if (comparison.all.pairs.length === 0) {
      throw new UserError("These runs have no problem in common, so there is nothing to compare.", {
        hint: "A problem is the same where problemId, statement and gold answer are.",
      });
    }
    if (strict && comparison.settingsThatDiffer.length > 0) {
      throw new UserError(`The runs differ in ${comparison.settingsThatDiffer.join(", ")}.`, {
        hint: "Without --strict they are compared on what they share.",
        exitCode: exitCodes.checkFailed,
      });
    }
    if (json) return printJson(comparison);
    printLine(csv ? comparisonCsv(comparison) : comparisonPage(comparison, runs, { flips }));
  },
};
