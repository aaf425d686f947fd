import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { wait } from "../../pipeline/adapters/virtual-clock/wait.ts";
import type { Profile } from "../../pipeline/artifacts/profile.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import type { Turn } from "../../pipeline/artifacts/turn.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { CheckpointBuilder, generateCandidates } from "../../pipeline/stages/generate.ts";
import type {
  Clock,
  Engine,
  GenerateEvent,
  GenerationRequest,
  PythonExecution,
  PythonRequest,
  PythonSandbox,
} from "../../pipeline/stages/ports.ts";
import { profileNamed } from "./profiles.ts";
import { problem } from "./run-rows.ts";

export const code = "Compute.\n```python\nprint(42)\n```\n```output\n";
export const answering = (answer: number | string) => `The answer is $\\boxed{${answer}}$.`;

/** Who asks, for a script. */
export interface Asker {
  problem: string; // without its set
  replicate: number;
  candidate: number;
  turn: number;
}

/** What a scripted engine writes, and in how many seconds; `hangs`: never. */
export type Said = { text: string; seconds: number } | "hangs";

export interface Generated {
  candidates: Awaited<ReturnType<typeof generateCandidates>>;
  turns: Turn[];
  events: GenerateEvent[];
  /** Requests as they came, with when they came and ended, in seconds. */
  asked: (Asker & { at: number; until: number; aborted: boolean })[];
  seconds: number;
}

interface Setting {
  problems: number;
  config?: Record<string, unknown>;
  say: (asker: Asker) => Said;
  /** Of each program; they may all run at a time. */
  pythonSeconds?: number;
  journal?: readonly Turn[];
  secondsSpent?: number;
  /** Called with each event and the clock. */
  onEvent?: (event: GenerateEvent, clock: Clock) => void;
  stopping?: AbortSignal;
  load?: NonNullable<Engine["load"]>;
  /** Whether the engine is away at a second: its requests fail after another one. */
  isAway?: (second: number) => boolean;
}

/** Runs the generate stage on virtual time, with an engine that says what a script says. Profile `tir`, problems p0, p1, … */
export async function generate({ problems: count, config = {}, say, ...setting }: Setting): Promise<Generated> {
  const clock = new VirtualClock();
  const parsed = runConfigSchema.parse({
    problems: [{ set: "set", file: "unused.jsonl" }],
    profile: "tir",
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "scripted" },
    ...config,
  });
  const tir = profileNamed("tir");
  // An answer counts without a program before it, so that a script can be short.
  const profile: Profile = { ...tir, withoutCode: "go-on", answer: { ...tir.answer, needsOutput: false } };
  const answer = parsed.answer ?? profile.policy;
  const rules = reasoningRules(profile, parsed);
  const problems = Array.from({ length: count }, (_, index) => problem(`set/p${index}`, "42"));
  const builder = new CheckpointBuilder(problems, rules, answer);
  for (const row of setting.journal ?? []) builder.take(row);

  const turns: Turn[] = [];
  const events: GenerateEvent[] = [];
  const asked: Generated["asked"] = [];
  const isAway = () => setting.isAway?.(clock.now() / 1000) ?? false;
  const engine: Engine = {
    async connect() {
      if (isAway()) throw new Error("nothing listens there");
      return { kind: "scripted", model: "scripted" };
    },
    close: async () => {},
    ...(setting.load ? { load: setting.load } : {}),
    async generate({ requestId, signal }: GenerationRequest) {
      const [id = "", replicate, candidate, turn] = requestId.split(":");
      const asker = {
        problem: id.replace("set/", ""),
        ...{ replicate: Number(replicate), candidate: Number(candidate), turn: Number(turn) },
      };
      const entry = { ...asker, at: clock.now() / 1000, until: Number.POSITIVE_INFINITY, aborted: false };
      asked.push(entry);
      const said = say(asker);
      const fails = isAway();
      const seconds = fails ? 1 : said === "hangs" ? 1e6 : said.seconds;
      const isAborted = await wait(clock, 1000 * seconds, signal).then(
        () => false,
        () => true,
      );
      Object.assign(entry, { until: clock.now() / 1000, aborted: isAborted });
      if (!isAborted && fails) return { kind: "engine-failed", reason: "nothing listens there", attempts: 6 };
      if (isAborted || said === "hangs") return { kind: "aborted" };
      const stops = said.text.endsWith("```output\n");
      return {
        ...{ kind: "generation", requestId: `${requestId}:0`, text: said.text, finish: "stop" },
        ...(stops ? { stopString: "```output\n" } : {}),
        ...{ tokens: { prompt: 10, completion: 20 }, milliseconds: 1000 * seconds },
      };
    },
  };
  const sandbox: PythonSandbox = {
    describe: async () => ({ python: "3", packages: {}, isolation: "none", notes: [] }),
    async execute({ signal }: PythonRequest): Promise<PythonExecution> {
      const milliseconds = 1000 * (setting.pythonSeconds ?? 0);
      await wait(clock, milliseconds, signal);
      const nothing = { stderr: "", outputBytes: 3, cpuMilliseconds: 0, peakMemoryMiB: 0 };
      return { outcome: "ok", stdout: "42\n", milliseconds, ...nothing };
    },
    endSession: () => {},
    close: async () => {},
  };
  const candidates = await generateCandidates(
    problems,
    builder.checkpoint,
    {
      ...{ engine, sandbox, clock },
      journal: { append: async (row) => void turns.push(row), close: async () => {} },
      observe(event) {
        events.push(event);
        setting.onEvent?.(event, clock);
      },
    },
    {
      config: { ...parsed, answer },
      rules,
      beganAt: clock.now(),
      stopping: setting.stopping ?? new AbortController().signal,
      secondsSpent: setting.secondsSpent ?? 0,
    },
  );
  await turnOfTheEventLoop();
  return { candidates, turns, events, asked, seconds: clock.now() / 1000 };
}
