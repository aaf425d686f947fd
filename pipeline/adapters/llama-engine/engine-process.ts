import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { exitCodes, UserError } from "../../core/user-error.ts";
import type { StartedMessage, StartMessage } from "./engine-messages.ts";

/** A process that serves a model. It lives no longer than this one. */
export interface EngineProcess {
  url: string;
  isRunning(): boolean;
  close(): Promise<void>;
}

const stderrKept = 4096; // characters

/**
 * Starts a process that serves a model on loopback, and waits until it does: computing, and llama.cpp ending its process
 * over something that it did not expect, are kept away from this one. Throws a UserError where it cannot serve.
 */
export async function startEngineProcess(message: StartMessage): Promise<EngineProcess> {
  const child = fork(fileURLToPath(new URL("engine-main.ts", import.meta.url)), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-stderrKept);
  });
  const ended = once(child, "exit");
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const close = async () => {
    if (isRunning()) child.kill("SIGKILL");
    child.ref(); // or this process would end meanwhile
    await ended;
  };
  const answer = await Promise.race([answerOf(child, message), ended.then(() => undefined)]);
  if (answer?.kind === "serving") {
    child.unref();
    child.channel?.unref();
    (child.stderr as { unref?: () => void } | null)?.unref?.();
    return { url: answer.url, isRunning, close };
  }
  await close();
  switch (answer?.kind) {
    case "refused":
      throw new UserError(answer.message, {
        exitCode: answer.exitCode,
        ...(answer.hint === undefined ? {} : { hint: answer.hint }),
      });
    case "fault":
      throw new Error(answer.stack);
    default:
      throw new UserError(`llama.cpp ended its process as it loaded ${message.file.path}${reasonIn(stderr)}.`, {
        hint: "Was it killed for want of memory, or is the model's file damaged? Load it with llama.cpp's own tools to see.",
        exitCode: exitCodes.unavailable,
      });
  }
}

async function answerOf(child: ChildProcess, message: StartMessage): Promise<StartedMessage> {
  child.send(message);
  const [answer] = await once(child, "message");
  return answer as StartedMessage;
}

function reasonIn(stderr: string): string {
  const line = stderr.trim().split("\n").at(0) ?? "";
  return line === "" ? "" : `: ${line}`;
}
