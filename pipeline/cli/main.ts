import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { toolVersion } from "../commands/tool-version.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { commandIndex } from "./command-index.ts";
import { reportError } from "./report-error.ts";

const epilogue = [
  "Exit codes: 0 done, 1 a check did not hold, 2 wrong use or bad input, 3 engine or sandbox unavailable, 130 interrupted.",
  "`sctir <command> --help` shows options and examples.",
].join("\n");

/** Parses the command line and runs the command; every error ends here. */
async function main(args: string[]): Promise<void> {
  const parser = yargs(args)
    .scriptName("sctir")
    .usage("$0 <command>\n\nEvaluates math models by self-consistency with tool-integrated reasoning.")
    .version(toolVersion())
    .epilogue(epilogue)
    .strict()
    .demandCommand(1, "Which command? `sctir --help` lists them.")
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw (
        error ?? new UserError(message, { hint: "`sctir --help` lists commands, `sctir <command> --help` options." })
      );
    });
  const wanted = args.find((argument) => !argument.startsWith("-"));
  for (const { name, usage, describe, load } of commandIndex) {
    // Only the command that is asked for is loaded: --help and errors come at once.
    if (name === wanted) parser.command(await load());
    else parser.command(usage, describe);
  }
  await parser.parseAsync();
}

try {
  await main(hideBin(process.argv));
} catch (error) {
  process.exitCode = reportError(error);
}
process.exitCode ??= exitCodes.done;
