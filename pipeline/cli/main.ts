import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { toolVersion } from "../commands/tool-version.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import { outliveReaders } from "./closed-outputs.ts";
import { commandIndex } from "./command-index.ts";
import { reportError } from "./report-error.ts";
import { keepHeapSmall } from "./small-heap.ts";

const epilogue = [
  "Exit codes: 0 done, 1 a check did not hold, 2 wrong use or bad input, 3 engine or sandbox unavailable, 130 interrupted.",
  "`sctir <command> --help` shows options and examples.",
].join("\n");

/** Parses the command line and runs the command; every error ends here. */
async function main(args: string[]): Promise<void> {
  checkCurrentDirectory();
  const parser = yargs(args)
    .scriptName("sctir")
    .usage("$0 <command>\n\nEvaluates math models by self-consistency with tool-integrated reasoning.")
    .version(toolVersion())
    .epilogue(epilogue)
    .strict()
    .check(checkOptions as never) // the types take its second argument for something else
    .demandCommand(1, "Which command? `sctir --help` lists them.")
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      // A parser's own complaint is the user's to mend too; every other error comes from a command.
      throw error && error.name !== "YError" ? error : wrongUse(message || error.message);
    });
  const wanted = args.find((argument) => !argument.startsWith("-"));
  for (const { name, usage, describe, load } of commandIndex) {
    // Only the command that is asked for is loaded: --help and errors come at once.
    if (name === wanted) parser.command(await load());
    else parser.command(usage, describe);
  }
  await parser.parseAsync();
}

function checkCurrentDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new UserError("The current directory has been deleted.", { hint: "Change to another one: cd", cause });
  }
}

/** What the parser lets pass: one option twice, of which a command expects one, and `--out "$UNSET"`. */
function checkOptions(
  argv: Record<string, unknown>,
  options: { array: string[]; string: string[]; demandedOptions: object },
): true {
  for (const [name, value] of Object.entries(argv)) {
    if (name === "_") continue;
    if (Array.isArray(value) && !options.array.includes(name)) throw wrongUse(`--${name} is given more than once.`);
    const mayBeLeftOut = options.string.includes(name) && !(name in options.demandedOptions);
    if (value === "" && mayBeLeftOut) throw wrongUse(`--${name} has no value.`);
  }
  return true;
}

function wrongUse(message: string): UserError {
  return new UserError(message, { hint: "`sctir --help` lists commands, `sctir <command> --help` options." });
}

keepHeapSmall();
outliveReaders();
try {
  await main(hideBin(process.argv));
} catch (error) {
  process.exitCode = reportError(error);
}
process.exitCode ??= exitCodes.done;
