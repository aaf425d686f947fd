import type { CommandModule } from "yargs";
import { openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import { canEndEarly } from "../core/early-stop/early-winner.ts";
import { sizesUpTo } from "../core/problem-score.ts";
import { forecastsOf, frontierOf } from "../core/simulation/simulate.ts";
import { reasoningRules } from "../core/strategy.ts";
import { UserError } from "../core/user-error.ts";
import { voteRuleOf } from "../core/vote.ts";
import { readSimulation, type Simulation } from "../stages/read-simulation.ts";
import { printJson, printLine } from "./output.ts";
import { type SimulationPage, simulationCsv, simulationPage } from "./simulation-page.ts";

interface SimulateArguments {
  directory: string;
  width?: string;
  depth?: string;
  earlyStop: string;
  budget?: number;
  json: boolean;
  csv: boolean;
}

export const command: CommandModule<unknown, SimulateArguments> = {
  command: "simulate <directory>",
  describe: "what a finished run's traces say about fewer candidates or turns, without a GPU",
  builder: (args) =>
    args
      .positional("directory", { type: "string", demandOption: true, describe: "a finished run" })
      .option("width", { type: "string", describe: "candidates per problem: 8,16,48 [1, 2, 4, … and all]" })
      .option("depth", { type: "string", describe: "turns per candidate: 1,2,4 [all up to the run's]" })
      .option("early-stop", { type: "string", default: "off", describe: "off, certain, or a confidence such as 0.99" })
      .option("budget", { type: "number", describe: "seconds per problem, if all its candidates begin at once" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .option("csv", { type: "boolean", default: false, describe: "print one line per setting" })
      .example("$0 simulate results/my-run", "is the 48th candidate worth its tokens? the fourth turn?")
      .example(
        "$0 simulate results/my-run --width 16,48 --early-stop certain",
        "what an early stop would save",
      ) as never,
  handler: async ({ directory, width, depth, earlyStop, budget, json, csv }) => {
    if (json && csv) throw new UserError("--json and --csv are two ways to print the same.", { hint: "Choose one." });
    const store = await openRunDirectory(directory);
    const manifest = await store.readManifest();
    if (manifest?.state !== "complete") {
      throw new UserError(`${directory} is no complete run.`, {
        hint: manifest
          ? "`sctir status` says where it stands."
          : "It has no manifest.json, so its settings are not known.",
      });
    }
    const { config, profile } = manifest;
    const deepest = config.sampling.depth;
    const depths = counts("depth", depth, deepest) ?? Array.from({ length: deepest }, (_, turns) => turns + 1);
    const confidence = confidenceOf(earlyStop);
    checkBudget(budget, manifest);
    const vote = voteRuleOf(config);
    if (confidence !== undefined && !canEndEarly(vote)) {
      throw new UserError("An early stop needs a majority vote whose ties go by the order of the ballots.", {
        hint: "`sctir vote --rule majority --ties first-seen` makes it one.",
      });
    }
    const policy = config.answer ?? profile.policy;
    const simulation = await readSimulation(store, { rules: reasoningRules(profile, config), policy, depths });
    checkCut(simulation, directory);
    const widths = counts("width", width, simulation.width) ?? sizesUpTo(simulation.width);
    const forecasts = depths.flatMap((turns) =>
      forecastsOf(simulation.problems.get(turns) ?? [], {
        ...{ depth: turns, widths, vote, earlyStop: confidence, afterAnswer: profile.afterAnswer },
        budget: budget === undefined ? undefined : 1000 * budget,
      }),
    );
    const page: SimulationPage = {
      runId: manifest.runId,
      ran: { width: simulation.width, depth: deepest, replicates: simulation.replicates },
      problems: simulation.problems.get(depths[0] ?? 1)?.length ?? 0,
      ...{ lost: simulation.lost, earlyStop, budgetSeconds: budget ?? null, forecasts },
      frontier: frontierOf(forecasts).map(({ width: candidates, depth: turns }) => ({
        width: candidates,
        depth: turns,
      })),
    };
    if (json) return printJson(page);
    printLine(csv ? simulationCsv(page) : simulationPage(page));
  },
};

/** `8,16,48` as numbers, ascending. Throws a UserError beyond what the run has sampled: no trace says what would come. */
function counts(name: "width" | "depth", text: string | undefined, most: number): number[] | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(",").map((part) => (/^\s*\d+\s*$/u.test(part) ? Number(part) : Number.NaN));
  if (numbers.some((number) => !(number >= 1))) {
    throw new UserError(`--${name} ${text}: expected whole numbers from 1 on, such as 4,8.`, {
      hint: "`sctir simulate --help` shows what it means.",
    });
  }
  const largest = Math.max(...numbers);
  if (largest > most) {
    throw new UserError(
      `--${name} ${largest}: the run has sampled ${most}, and nothing in it tells what more would do.`,
      {
        hint: "Sample more: a new run with a larger one.",
      },
    );
  }
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

function confidenceOf(text: string): number | undefined {
  if (text === "off") return undefined;
  if (text === "certain") return 1;
  const confidence = Number(text);
  if (confidence > 0.5 && confidence < 1) return confidence;
  throw new UserError(`--early-stop ${text}: expected off, certain, or a confidence between 0.5 and 1.`, {
    hint: "docs/early-stop.md says what a confidence promises.",
  });
}

function checkBudget(budget: number | undefined, { config }: Manifest): void {
  if (budget === undefined) return;
  if (!(budget > 0)) throw new UserError(`--budget ${budget}: expected seconds, more than 0.`, { hint: "Such as 60." });
  const own = config.budget.problemSeconds;
  if (own !== null && budget > own) {
    throw new UserError(`--budget ${budget}: the run itself stopped after ${own} seconds.`, {
      hint: "What candidates would have done later is not known. Take a smaller budget.",
    });
  }
}

/** Candidates that were cut off would have said something that is not known. */
function checkCut({ cut }: Simulation, directory: string): void {
  const cutOff = cut.budget + cut.decided;
  if (cutOff === 0) return;
  const causes = [
    ...(cut.budget > 0 ? [`${cut.budget} by a budget`] : []),
    ...(cut.decided > 0 ? [`${cut.decided} by an early stop`] : []),
  ];
  throw new UserError(`${directory} has ${cutOff} candidates that were cut off: ${causes.join(", ")}.`, {
    hint: "What they would have said is not known. Simulate from a run without budgets and early stop.",
  });
}
