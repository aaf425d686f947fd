import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdoptedRun, endProcess } from "./kill-storm-process.ts";

/** How a run is ended. `SIGINT twice`: the second time once it is no echo of the first. */
export type Ending = "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGINT twice" | "SIGHUP" | "terminal closed";

/** Those that a run can do something about. */
export const interruptions: readonly Ending[] = ["SIGTERM", "SIGINT", "SIGINT twice", "SIGHUP", "terminal closed"];

/** Whether what is in flight is lost. */
export const isHard = (ending: Ending) => ending === "SIGKILL" || ending === "SIGINT twice";

/** SIGHUP means nothing to a run without one. */
export const needsTerminal = (ending: Ending) => ending === "SIGHUP" || ending === "terminal closed";

export async function end(run: AdoptedRun, pid: number, ending: Ending): Promise<void> {
  if (ending === "terminal closed") run.closeTerminal();
  else endProcess(pid, signalOf(ending));
  if (ending !== "SIGINT twice") return;
  await sleep(400);
  endProcess(pid, "SIGINT");
}

/** With which codes a run may end. Nobody handles a signal before the command is loaded. */
export function exitCodesOf(ending: Ending, hasBegun: boolean): number[] {
  const bySignal = -constants.signals[signalOf(ending)];
  if (ending === "SIGKILL") return [bySignal];
  return hasBegun ? [130] : [130, bySignal];
}

function signalOf(ending: Ending): NodeJS.Signals {
  if (ending === "SIGINT twice") return "SIGINT";
  return ending === "terminal closed" ? "SIGHUP" : ending;
}
