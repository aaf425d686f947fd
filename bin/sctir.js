#!/usr/bin/env node
// Starts the command line on a Node that reads TypeScript: this one, or the one that the set-up brought.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const projectNode = path.join(root, "node_modules", ".bin", "node");

if (readsTypeScript()) {
  process.title = "sctir";
  nodeModule.enableCompileCache?.();
  if (process.env.SCTIR_LAUNCHED && process.channel) followLauncher();
  delete process.env.SCTIR_LAUNCHED; // for what this process starts
  if (!existsSync(path.join(root, "node_modules", "yargs"))) stopWithoutSetUp("its packages are not installed");
  await import("../pipeline/cli/main.ts");
} else if (existsSync(projectNode) && !process.env.SCTIR_LAUNCHED) {
  launch();
} else {
  stopWithoutSetUp(`Node ${process.versions.node} is too old for it`);
}

/** Node 24.3 is the first of its line that strips types without a warning. */
function readsTypeScript() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return (major > 24 || (major === 24 && minor >= 3)) && Boolean(process.features.typescript);
}

/** @param {string} reason */
function stopWithoutSetUp(reason) {
  process.stderr.write(`sctir cannot start: ${reason}.\n\nRun in ${root}:\n  npm run setup\n`);
  process.exit(2);
}

/**
 * Runs this file again on the project's Node. Signals and the exit code pass through.
 *
 * Ctrl-C reaches both processes from the terminal, and a second one means "stop now". So a SIGINT is handed on only
 * where the other process does not report that it had one of its own.
 */
function launch() {
  const child = spawn(projectNode, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, SCTIR_LAUNCHED: "1" },
  });
  let reported = 0; // interrupts that the other process had and this one has not
  let handedOn = 0; // interrupts from here that the other process has not reported yet
  child.on("message", (message) => {
    if (message !== "SIGINT") return;
    if (handedOn > 0) handedOn -= 1;
    else reported += 1;
  });
  process.on("SIGINT", () => {
    setTimeout(() => {
      if (reported > 0) {
        reported -= 1;
      } else if (child.kill("SIGINT")) {
        handedOn += 1;
      }
    }, 100);
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));

  child.on("error", (error) => {
    process.stderr.write(`sctir cannot start ${projectNode}: ${error.message}\n\nRun in ${root}:\n  npm run setup\n`);
    process.exit(2);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

/** Reports interrupts to the launching process, and ends with it: kill -9 there must not leave a run behind. */
function followLauncher() {
  process.on("SIGINT", () => {
    if (process.connected) process.send?.("SIGINT");
    if (process.listenerCount("SIGINT") === 1) process.exit(130); // no command handles it
  });
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel?.unref();
}
