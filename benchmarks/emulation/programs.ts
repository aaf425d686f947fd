import { wait } from "../../pipeline/adapters/virtual-clock/wait.ts";
import type { Clock, PythonSandbox } from "../../pipeline/stages/ports.ts";

/** What a program costs: its own time with that of its interpreter, and how many can run at a time. */
export interface ProgramCost {
  milliseconds: number;
  atATime: number;
}

/** Programs that print 42 and take their time on a clock, queueing for as many places as there are. */
export class Programs {
  readonly #clock: Clock;
  readonly #cost: ProgramCost;
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(clock: Clock, cost: ProgramCost) {
    this.#clock = clock;
    this.#cost = cost;
  }

  async run(signal?: AbortSignal): Promise<void> {
    if (this.#cost.milliseconds === 0) return;
    if (this.#running >= this.#cost.atATime) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running += 1;
    try {
      await wait(this.#clock, this.#cost.milliseconds, signal);
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  get sandbox(): PythonSandbox {
    return {
      describe: () => Promise.reject(new Error("nobody asks")),
      execute: async ({ signal }) => {
        await this.run(signal);
        return {
          ...{ outcome: "ok", stdout: "42\n", stderr: "", outputBytes: 3, cpuMilliseconds: 0, peakMemoryMiB: 0 },
          milliseconds: this.#cost.milliseconds,
        };
      },
      endSession: () => {},
      close: async () => {},
    };
  }
}
