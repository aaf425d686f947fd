import { text } from "node:stream/consumers";
import type { CommandModule } from "yargs";
import type { Candidate } from "../artifacts/candidate.ts";
import type { SelectedProblem } from "../artifacts/problem.ts";
import type { EngineConfig } from "../artifacts/run-config.ts";
import type { Turn } from "../artifacts/turn.ts";
import type { Vote } from "../artifacts/vote.ts";
import { reasoningRules } from "../core/strategy.ts";
import { UserError } from "../core/user-error.ts";
import { vote, voteRuleOf } from "../core/vote.ts";
import { checkAnythingWasEvaluated, emptyCheckpoint, generateCandidates } from "../stages/generate.ts";
import type { Engine, Journal } from "../stages/ports.ts";
import { openConfiguredEngine } from "./configured-engine.ts";
import { openConfiguredSandbox } from "./configured-sandbox.ts";
import { Interruption, interrupted } from "./interruption.ts";
import { LiveTrace } from "./live-trace.ts";
import { printJson, printLine, printNote, table } from "./output.ts";
import { loadRunConfig } from "./run-config-file.ts";
import { wallClock } from "./stage-runs.ts";

interface SolveArguments {
  problem: string;
  config: string;
  set: string[];
  json: boolean;
  unsafePython: boolean;
}

export const command: CommandModule<unknown, SolveArguments> = {
  command: "solve <problem> <config>",
  describe: "one problem, its trace shown as it grows, then the vote",
  builder: (args) =>
    args
      .positional("problem", { type: "string", demandOption: true, describe: "the statement, or - for standard input" })
      .positional("config", { type: "string", demandOption: true, describe: "a config: engine, profile, sampling" })
      .option("set", { type: "string", array: true, nargs: 1, default: [], describe: "change a key: sampling.width=8" })
      .option("json", { type: "boolean", default: false, describe: "print turns, candidates and vote as JSON" })
      .option("unsafe-python", { type: "boolean", default: false, describe: "run Python without isolation" })
      .example("$0 solve 'What is $6 \\cdot 7$?' my.yaml --set sampling.width=4", "four candidates")
      .example("$0 solve - my.yaml < problem.txt", "the statement from a file") as never,
  handler: async ({ problem, config: path, set, json, unsafePython }) => {
    // yargs hands a lone dash on as an empty text.
    const isPiped = problem === "-" || (problem === "" && process.argv.includes("-"));
    const statement = (isPiped ? await text(process.stdin) : problem).trim();
    if (statement === "")
      throw new UserError("The problem is empty.", { hint: "Give its statement, or - and standard input." });
    const { config, profile } = await loadRunConfig(path, set);
    const selected = { problemId: "solve/0", set: "solve", statement, gold: "", answer: "0", flags: [] };
    const isWatched = !json && process.stdout.isTTY;
    const { engine, time } = await openConfiguredEngine(isWatched ? streaming(config.engine) : config.engine, profile);
    const { sandbox, notes } = await openConfiguredSandbox(config, profile, { allowUnsafe: unsafePython }).catch(
      async (error: unknown) => {
        await engine.close(); // an embedded one would keep this process
        throw error;
      },
    );
    for (const note of notes) printNote(`note: ${note}`);
    using interruption = new Interruption();
    const turns: Turn[] = [];
    const trace = new LiveTrace((text) => process.stdout.write(text));
    const clock = time?.clock ?? wallClock;
    const journal: Journal = { append: async (row) => void turns.push(row), close: async () => {} };
    try {
      const description = await engine.connect();
      printNote(
        `${description.model}, profile ${profile.name}, width ${config.sampling.width}, depth ${config.sampling.depth}`,
      );
      const candidates = await generateCandidates(
        [selected satisfies SelectedProblem],
        emptyCheckpoint(),
        {
          engine: isWatched ? toldTo(trace, engine) : engine,
          ...(time?.ports({ sandbox, journal }) ?? { sandbox, journal }),
          clock,
          observe(event) {
            if (event.kind === "engine-away") printNote(`Waiting for the engine: ${event.reason}`);
            if (!json) trace.observe(event);
          },
        },
        {
          config: {
            ...config,
            answer: config.answer ?? profile.policy,
            sampling: { ...config.sampling, replicates: 1 },
          },
          rules: reasoningRules(profile, config),
          beganAt: clock.now(),
          stopping: interruption.signal,
          secondsSpent: 0,
        },
      );
      if (interruption.signal.aborted) throw interrupted("the same command");
      checkAnythingWasEvaluated(candidates);
      const elected = vote(candidates, voteRuleOf(config));
      if (json) printJson({ answer: elected.answer, tally: elected.tally, candidates, turns });
      else printVote(elected, candidates);
    } finally {
      trace.close();
      await Promise.allSettled([engine.close(), sandbox.close()]);
    }
  },
};

/** Replies are read as they grow, unless the config says otherwise, or the server may know no such thing. */
function streaming(engine: EngineConfig): EngineConfig {
  if (engine.kind === "replay") return engine;
  return { ...engine, streaming: engine.streaming ?? (engine.kind === "llama" || engine.dialect === "vllm") };
}

function toldTo(trace: LiveTrace, engine: Engine): Engine {
  return {
    ...engine,
    generate: (request) => engine.generate({ ...request, onText: (piece) => trace.tell(request.requestId, piece) }),
  };
}

function printVote({ answer, tally }: Pick<Vote, "answer" | "tally">, candidates: readonly Candidate[]): void {
  if (tally.length > 0) printLine(table([["answer", "votes"], ...tally.map((row) => [row.answer, String(row.count)])]));
  printLine(answer === null ? `No answer from ${candidates.length} candidates.` : `Answer: ${answer}`);
}
