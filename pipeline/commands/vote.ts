import type { Argv } from "yargs";
import { type RunConfig, voteRuleSchema } from "../artifacts/run-config.ts";
import { canEndEarly } from "../core/early-stop/early-winner.ts";
import { describeIssues } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";
import { ruleName } from "../core/vote.ts";
import { printLine, printNote } from "./output.ts";
import { resultTable } from "./result-table.ts";
import { configHash } from "./run-config-file.ts";
import { type StageArguments, stageCommand } from "./stage-command.ts";
import { scoreStage, voteStage } from "./stage-runs.ts";

/** `vote DIR` elects by the run's rule; with `--rule` and its like the run has another one from then on, and is scored by it. */
export const command = stageCommand("vote", "elect an answer per problem", false, vote, ruleOptions);

async function vote(
  session: Parameters<typeof voteStage>[0],
  options: StageArguments & Partial<Record<keyof RunConfig["vote"], string>>,
): Promise<unknown> {
  const { config } = session.manifest;
  const given = Object.entries({
    rule: options.rule,
    ties: options.ties,
    score: options.score,
    weight: options.weight,
  });
  const changes = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  const changed = { ...config, vote: checkedRule({ ...config.vote, ...changes }) };
  const isChanged = Object.keys(changes).length > 0;
  if (isChanged && changed.earlyStop !== "off" && !canEndEarly(changed.vote)) {
    throw new UserError("This run cancelled candidates once a majority had decided, so no other rule can be applied.", {
      hint: "earlyStop: off leaves all candidates to end.",
    });
  }
  if (isChanged) session.manifest = { ...session.manifest, config: changed, configHash: configHash(changed) }; // written with the votes
  await voteStage(session);
  printNote(`vote: ${session.manifest.stages.vote?.votes} votes, ${ruleName(changed.vote)}`);
  if (!isChanged) return undefined;
  const summary = await scoreStage(session);
  if (options.json) return summary;
  printLine(resultTable(summary));
  return undefined;
}

function checkedRule(rule: unknown): RunConfig["vote"] {
  const result = voteRuleSchema.safeParse(rule);
  if (result.success) return result.data;
  throw new UserError(`vote: ${describeIssues(voteRuleSchema, result.error).join("; ")}`, {
    hint: "`sctir vote --help` shows what there is.",
  });
}

function ruleOptions(args: Argv<unknown>): Argv<unknown> {
  const { rule, ties, weight } = voteRuleSchema.shape;
  return args
    .option("rule", { choices: rule.unwrap().options, describe: "vote by another rule, and score by it" })
    .option("ties", { choices: ties.unwrap().options, describe: "who wins a tie" })
    .option("score", { type: "string", describe: "where a candidate's row has its score, such as meta.score" })
    .option("weight", { choices: weight.unwrap().options, describe: "what a weighted vote makes of a score" })
    .example(
      "$0 vote results/my-run --rule best-of-n --score meta.rewardModel",
      "the candidate with the best score wins",
    )
    .example("$0 vote results/my-run --ties expected", "what ties are worth on average");
}
