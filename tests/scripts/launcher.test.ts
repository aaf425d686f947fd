import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** bin/sctir.js with a command line that says its process number and waits for signals, and a Node that claims to be old. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sctir-launcher-"));
  cpSync(fileURLToPath(new URL("../../bin/sctir.js", import.meta.url)), join(folder, "bin/sctir.js"));
  mkdirSync(join(folder, "node_modules/yargs"), { recursive: true });
  mkdirSync(join(folder, "node_modules/.bin"));
  symlinkSync(process.execPath, join(folder, "node_modules/.bin/node"));
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  writeFileSync(
    join(folder, "old-node.cjs"),
    'if (!process.env.SCTIR_LAUNCHED) Object.defineProperty(process.versions, "node", { value: "20.1.0" });',
  );
  mkdirSync(join(folder, "pipeline/cli"), { recursive: true });
  writeFileSync(
    join(folder, "pipeline/cli/main.ts"),
    `const [wanted] = process.argv.slice(2) as [string];
     if (wanted.startsWith("exit")) process.exit(Number(wanted.slice(4)));
     let interrupts: number = 0;
     if (wanted === "count") process.on("SIGINT", () => console.log("interrupt", ++interrupts));
     console.log("pid", process.pid);
     setTimeout(() => process.exit(interrupts), 1500);`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(argument: string, { detached = false } = {}): ChildProcess & { output: () => string } {
  const child = spawn(process.execPath, ["--require", join(folder, "old-node.cjs"), "bin/sctir.js", argument], {
    cwd: folder,
    detached,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return Object.assign(child, { output: () => output });
}

async function innerProcess(child: ReturnType<typeof start>): Promise<number> {
  for (;;) {
    const pid = /pid (?<pid>\d+)/u.exec(child.output())?.groups?.pid;
    if (pid) return Number(pid);
    await sleep(10);
  }
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("bin/sctir.js on an old Node", () => {
  it("runs on the project's Node and passes the exit code on", async () => {
    const [code] = await once(start("exit7"), "close");
    expect(code).toBe(7);
  });

  it("hands on an interrupt that only it received, once", async () => {
    const child = start("count");
    expect(await innerProcess(child)).not.toBe(child.pid);
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    expect(child.output()).toContain("interrupt 1");
    expect(code).toBe(1);
  });

  it("does not double an interrupt that the terminal sent to both", async () => {
    const child = start("count", { detached: true });
    await innerProcess(child);
    process.kill(-(child.pid ?? 0), "SIGINT");
    const [code] = await once(child, "close");
    expect(code).toBe(1);
  });

  it("ends by a signal that ended the inner process", async () => {
    const child = start("wait");
    const inner = await innerProcess(child);
    child.kill("SIGTERM");
    const [, signal] = await once(child, "close");
    expect(signal).toBe("SIGTERM");
    expect(isRunning(inner)).toBe(false);
  });

  it("leaves no inner process behind when it is killed", async () => {
    const child = start("wait");
    await innerProcess(child);
    child.kill("SIGKILL");
    await once(child, "close"); // comes when the inner process has closed the output, too
    expect(child.output()).not.toContain("interrupt");
    expect(child.signalCode).toBe("SIGKILL");
  });

  it("says what to do where the set-up has not run", async () => {
    rmSync(join(folder, "node_modules"), { recursive: true });
    const child = start("exit0");
    const [code] = await once(child, "close");
    expect(code).toBe(2);
    expect(child.output()).toContain("npm run setup");
  });
});
