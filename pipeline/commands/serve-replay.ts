import type { CommandModule } from "yargs";
import { loadRecordings } from "../adapters/replay-engine/recordings.ts";
import { startReplayServer } from "../adapters/replay-engine/replay-server.ts";
import { UserError } from "../core/user-error.ts";
import { printLine, printNote } from "./output.ts";

interface ServeReplayOptions {
  recordings: string[] | undefined;
  where: string[];
  "skip-to": string | undefined;
  host: string;
  port: number;
  model: string;
  "max-model-len": number;
  verbose: boolean;
  json: boolean;
}

/** Serves recorded traces over vLLM's protocol until it is interrupted. */
export const command: CommandModule<object, ServeReplayOptions> = {
  command: "serve-replay <recordings..>",
  describe: "recorded traces behind vLLM's HTTP protocol",
  builder: (yargs) =>
    yargs
      .positional("recordings", {
        type: "string",
        array: true,
        describe: "a .jsonl of whole traces, the turns.jsonl of an earlier run, or a run directory",
      })
      .option("where", {
        type: "string",
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: "field=value: only lines whose field has this value",
      })
      .option("skip-to", { type: "string", describe: "a trace begins after the first occurrence of this text" })
      .option("host", { type: "string", default: "127.0.0.1", describe: "address to listen on" })
      .option("port", { type: "number", default: 8000, describe: "port to listen on; 0 takes a free one" })
      .option("model", { type: "string", default: "replay", describe: "name under which it is served" })
      .option("max-model-len", { type: "number", default: 32768, describe: "context length in tokens" })
      .option("verbose", { type: "boolean", default: false, describe: "log each request to stderr" })
      .option("json", { type: "boolean", default: false, describe: "print as JSON where it listens" })
      .example("$0 serve-replay traces.jsonl --port 8000", "recorded traces for any client of vLLM")
      .example("$0 serve-replay results/my-run", "an earlier run's turns, as its model wrote them"),

  async handler(options) {
    const {
      recordings: files = [],
      where,
      "skip-to": skipTo,
      host,
      port,
      model,
      "max-model-len": maxModelLen,
    } = options;
    const { verbose, json } = options;
    checkNumber("--port", port, 0, 65535);
    checkNumber("--max-model-len", maxModelLen, 1, Number.MAX_SAFE_INTEGER);
    const conditions = Object.fromEntries(where.map(condition));
    const notes: string[] = [];
    const recordings = await loadRecordings(
      files.map((file) => ({ file, where: conditions, ...(skipTo ? { skipTo } : {}) })),
      (text) => notes.push(text),
    );
    const server = await startReplayServer({
      recordings,
      model,
      maxModelLen,
      host,
      port,
      ...(verbose ? { log: printNote } : {}),
    });
    const interrupted = interruption();
    const { url } = server;
    const problems = recordings.problems.length;
    const { traces } = recordings;
    if (json) {
      // On one line: whoever reads it knows that it is complete, although the command goes on.
      printLine(JSON.stringify({ url, port: server.port, model, maxModelLen, problems, traces, notes }));
    } else {
      for (const note of notes) printNote(note);
      printLine(`Serving ${traces} traces of ${problems} problems as model ${model} at ${url}\n`);
      printLine(`  ${curlExample(url, model, recordings.problems[0]?.statement ?? "")}\n`);
      printLine("Ctrl-C ends it.");
    }
    await interrupted;
    await server.close();
  },
};

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Resolves at Ctrl-C or a request to end. */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      for (const signal of signals) process.off(signal, end);
      resolve();
    };
    for (const signal of signals) process.on(signal, end);
  });
}

function condition(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new UserError(`--where ${text} is not field=value.`, { hint: "For example: --where model=tora-70b-v1.0" });
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

function checkNumber(option: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UserError(`${option} must be a whole number from ${low} to ${high}.`, { hint: `Give ${option} a number.` });
}

/** A request that works as it is pasted: the statement of the first problem, its first trace. */
function curlExample(url: string, model: string, statement: string): string {
  const body = JSON.stringify({ model, prompt: `### Problem: ${statement}\n### Solution: `, max_tokens: 200, seed: 0 });
  return `curl ${url}/completions -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
}
