// The engine's process: loads a model, serves it, and ends with the process that started it.
import { UserError } from "../../core/user-error.ts";
import type { StartedMessage, StartMessage } from "./engine-messages.ts";
import { startLlamaServer } from "./llama-server.ts";
import { loadModel } from "./loaded-model.ts";

process.title = "sctir llama";

// Ctrl-C reaches all processes of a terminal: the one that started this decides what becomes of the texts under way.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

// The channel closes when that process ends, however it does. A step under way would hold up an orderly end.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

process.once("message", async (message) => {
  const { build, file, settings, repeatable } = message as StartMessage;
  try {
    const loaded = await loadModel(build, file, settings);
    const version = `node-llama-cpp ${build.version}`;
    const { url } = await startLlamaServer(loaded, { file, settings, repeatable, version });
    tell({ kind: "serving", url });
  } catch (error) {
    if (error instanceof UserError) {
      tell({ kind: "refused", message: error.message, hint: error.hint, exitCode: error.exitCode });
    } else {
      tell({ kind: "fault", stack: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
});

function tell(message: StartedMessage): void {
  process.send?.(message);
}
