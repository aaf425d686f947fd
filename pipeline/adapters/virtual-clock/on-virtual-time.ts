import type { Journal, PythonSandbox } from "../../stages/ports.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { wait } from "./wait.ts";

/** Programs really run while time stands still; then as much of it passes as they took. */
export function sandboxOnVirtualTime(sandbox: PythonSandbox, clock: VirtualClock): PythonSandbox {
  return {
    describe: () => sandbox.describe(),
    async execute(request) {
      const execution = await clock.during(sandbox.execute(request));
      await wait(clock, execution.milliseconds, request.signal);
      return execution;
    },
    endSession: (key) => sandbox.endSession(key),
    close: () => sandbox.close(),
  };
}

/** Rows are written while time stands still. */
export function journalOnVirtualTime(journal: Journal, clock: VirtualClock): Journal {
  return {
    append: (row) => clock.during(journal.append(row)),
    failed: journal.failed,
    close: () => journal.close(),
  };
}
