import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Whether `npm run serve` has installed vLLM and Transformers here. */
export const hasModelServers = existsSync(`${root}/.real-servers/.sctir-setup`);

export interface ModelServer {
  /** The engine of a config. */
  engine: { baseUrl: string; model: string };
  stop(): Promise<void>;
}

/** Starts a server as a user would, and waits until it answers. Stop it with `stop`. */
export async function startModelServer(name: "vllm" | "transformers", model: string): Promise<ModelServer> {
  const port = await freePort();
  const child = execa("node", ["scripts/serve.mjs", name, model, "--port", String(port)], {
    ...{ cwd: root, reject: false, all: true, forceKillAfterDelay: false },
  });
  let output = "";
  let hasEnded = false;
  void child.then(() => {
    hasEnded = true;
  });
  child.all.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await child;
  };
  const isUp = async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok === true;
  for (const deadline = Date.now() + 240_000; !(await isUp()); await sleep(500)) {
    if (hasEnded) throw new Error(`the server ended:\n${output}`);
    if (Date.now() < deadline) continue;
    await stop();
    throw new Error(`the server does not answer:\n${output}`);
  }
  const engine = JSON.parse(/engine: (\{.*\})/u.exec(output)?.[1] ?? "{}");
  return { engine, stop };
}

/** One that nobody listens on: servers of others cannot be told to choose. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
