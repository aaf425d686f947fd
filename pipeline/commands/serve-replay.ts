import type { CommandModule } from "yargs";
import { loadRecordings } from "../adapters/replay-engine/recordings.ts";
import { startReplayServer } from "../adapters/replay-engine/replay-server.ts";
import { scaledClock } from "../adapters/virtual-clock/scaled-clock.ts";
import { UserError } from "../core/user-error.ts";
import { visibleJson } from "../core/visible-text.ts";
import { emulate } from "./embedded-engine.ts";
import { printLine, printNote } from "./output.ts";

interface ServeReplayOptions {
  recordings: string[] | undefined;
  where: string[];
  "skip-to": string | undefined;
  host: string;
  port: number;
  model: string;
  "max-model-len": number | undefined;
  card: string | undefined;
  "speed-up": number | undefined;
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
      .option("max-model-len", { type: "number", describe: "context length in tokens [the card's, or 32768]" })
      .option("card", { type: "string", describe: "answers take as long as this engine would take (docs/emulator.md)" })
      .option("speed-up", { type: "number", implies: "card", describe: "so many times as fast as that [1]" })
      .option("verbose", { type: "boolean", default: false, describe: "log each request to stderr" })
      .option("json", { type: "boolean", default: false, describe: "print as JSON where it listens" })
      .example("$0 serve-replay traces.jsonl --port 8000", "recorded traces for any client of vLLM")
      .example("$0 serve-replay results/my-run", "an earlier run's turns, as its model wrote them")
      .example("$0 serve-replay traces.jsonl --card t4x2-deepseekmath-7b-gptq8 --speed-up 60", "an hour in a minute"),

  async handler(options) {
    const {
      recordings: files = [],
      where,
      "skip-to": skipTo,
      host,
      port,
      model,
      card,
      "speed-up": speedUp = 1,
    } = options;
    const { verbose, json } = options;
    checkNumber("--port", port, 0, 65535);
    if (!(speedUp > 0 && Number.isFinite(speedUp))) {
      throw new UserError("--speed-up must be a number above 0.", { hint: "For example --speed-up 60." });
    }
    const emulated = card === undefined ? undefined : await emulate(card, scaledClock(speedUp));
    const maxModelLen = options["max-model-len"] ?? emulated?.card.maxModelLen ?? 32768;
    checkNumber("--max-model-len", maxModelLen, 1, emulated?.card.maxModelLen ?? Number.MAX_SAFE_INTEGER);
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
      ...(emulated ? { timed: emulated.timed } : {}),
      ...(verbose ? { log: printNote } : {}),
    });
    const interrupted = interruption();
    const { url } = server;
    const problems = recordings.problems.length;
    const { traces } = recordings;
    if (json) {
      // On one line: whoever reads it knows that it is complete, although the command goes on.
      printLine(visibleJson({ url, port: server.port, model, maxModelLen, problems, traces, notes }));
    } else {
      for (const note of notes) printNote(note);
      printLine(`Serving ${traces} traces of ${problems} problems as model ${model} at ${url}\n`);
      if (emulated) printLine(`as ${emulated.card.title}${speedUp === 1 ? "" : `, ${speedUp} times as fast`}\n`);
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
  const body = visibleJson({ model, prompt: `### Problem: ${statement}\n### Solution: `, max_tokens: 200, seed: 0 });
  return `curl ${url}/completions -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
}
