import type { Profile } from "../../artifacts/profile.ts";
import { programOf } from "../../core/program.ts";
import { scriptPath } from "../../core/traceback.ts";
import { UserError } from "../../core/user-error.ts";
import type { Clock, PythonExecution, PythonRequest, PythonSandbox } from "../../stages/ports.ts";
import { wait } from "../virtual-clock/wait.ts";
import type { RecordedTurn } from "./journal.ts";
import type { Recordings } from "./recordings.ts";

export interface RecordedSandboxOptions {
  clock: Clock;
  /** The journals among them tell what programs did; `profile` how a block became a program. */
  recordings: Recordings;
  profile: Pick<Profile, "prelude" | "lastLine">;
  /** What every program does that is not recorded; without it, such a program is a UserError. */
  otherwise?: PythonExecution;
  /** How long every program takes [as recorded]. */
  milliseconds?: number;
}

/**
 * A sandbox that runs nothing: a program's output is what it was in a recorded run, after as much time. A program is
 * recognised by its code and that of the blocks before it, or by its own alone.
 */
export function recordedSandbox({
  clock,
  recordings,
  profile,
  otherwise,
  milliseconds,
}: RecordedSandboxOptions): PythonSandbox {
  const known = recordedExecutions(recordings, profile);

  function find({ code, earlier }: PythonRequest): PythonExecution {
    const found = known.get(keyOf(earlier, code)) ?? known.get(keyOf([], code));
    const execution = found ? asWritten(found) : otherwise;
    if (execution) return milliseconds === undefined ? execution : { ...execution, milliseconds };
    throw new UserError(`No recorded run has executed this program: ${JSON.stringify(code.slice(-80))}.`, {
      hint: "Record it with a run that executes programs. Whole traces do not tell what their programs took.",
    });
  }

  return {
    describe: () => Promise.reject(new Error("nothing runs here")),
    async execute(request) {
      const execution = find(request);
      await wait(clock, execution.milliseconds, request.signal);
      return execution;
    },
    endSession: () => {},
    close: () => Promise.resolve(),
  };
}

type Execution = NonNullable<RecordedTurn["execution"]>;

/** Of equal programs the first counts, in the recordings' order. */
function recordedExecutions(
  { problems }: Recordings,
  profile: RecordedSandboxOptions["profile"],
): Map<string, Execution> {
  const known = new Map<string, Execution>();
  const add = (key: string, execution: Execution) => void (known.has(key) || known.set(key, execution));
  for (const trace of problems.flatMap(({ traces }) => traces)) {
    if (trace.kind !== "journal") continue;
    const earlier: string[] = [];
    for (const { code, execution } of trace.turns.values()) {
      if (code === undefined || execution === undefined) continue;
      const program = programOf(code, profile);
      add(keyOf(earlier, program), execution);
      add(keyOf([], program), execution);
      earlier.push(program);
    }
  }
  return known;
}

const keyOf = (earlier: readonly string[], code: string) => JSON.stringify([...earlier, code]);

/** An execution of which the recorded output is made again: a traceback's own frames, cut away, need their path back. */
function asWritten({ outcome, output, outputBytes, ...figures }: Execution): PythonExecution {
  const { milliseconds, cpuMilliseconds, peakMemoryMiB } = figures;
  return {
    ...{ outcome, stdout: output, stderr: output.replace(/^( *File ")$/gmu, `$1${scriptPath}"`), outputBytes },
    ...{ milliseconds, cpuMilliseconds, peakMemoryMiB },
  };
}
