import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Launch } from "../../pipeline/adapters/sandbox/isolation.ts";
import { WorkerProcess } from "../../pipeline/adapters/sandbox/worker-process.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedJson } from "./hostile-json.ts";
import { damagedBytes } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const ready = { ready: { python: "3.12.1", packages: { numpy: "2.1" }, sessions: 4, notImported: {} } };
const reply = {
  ...{ id: 1, outcome: "ok", stdout: "42\n", stderr: "", outputBytes: 3 },
  ...{ milliseconds: 1.5, cpuMilliseconds: 1, peakMemoryMiB: 0.5, session: "light" },
};
const program = { code: "print(42)", earlier: [], showLastExpression: false, timeoutSeconds: 5, memoryMiB: 64 };

/** A worker that says these two things whatever it is asked. */
async function sayer(folder: string, first: string | Buffer, second: string | Buffer): Promise<Launch> {
  const line = (text: string | Buffer) => Buffer.concat([Buffer.from(text), Buffer.from("\n")]);
  await writeFile(join(folder, "first"), line(first));
  await writeFile(join(folder, "second"), line(second));
  return {
    file: "/bin/sh",
    arguments: ["-c", 'cat "$1/first"; read -r request; cat "$1/second"; cat > /dev/null', "sh", folder],
    environment: { PATH: "/usr/bin:/bin" },
    interpreter: { executable: "/the/python", directories: [], folders: [], isOwn: false },
    preload: undefined,
    cleanUp: async () => {},
  };
}

describe("a worker of the sandbox", () => {
  it("says what a program did, or is taken for one that died, whatever its line is", async () => {
    const folder = await temporaryFolder();
    const other = fc.oneof(
      changedJson([reply, { id: 1, outcome: "gone" }]),
      damagedBytes([JSON.stringify(reply)]),
      fc.constantFrom(
        JSON.stringify({ ...reply, id: 2 }),
        `${JSON.stringify({ ...reply, id: 0 })}\n${JSON.stringify(reply)}`,
      ),
    );
    await fc.assert(
      fc.asyncProperty(other, async (line) => {
        const worker = await WorkerProcess.start(await sayer(folder, JSON.stringify(ready), line));
        try {
          const answer = await worker.execute(program, 10);
          if (answer !== "worker-died") expect(answer).toMatchObject({ id: 1 });
        } finally {
          await worker.kill();
        }
      }),
      runs(25, 10),
    );
  });

  it("starts, or is refused with what it said, whatever its first line is", async () => {
    const folder = await temporaryFolder();
    const other = fc.oneof(
      changedJson([ready]),
      damagedBytes([JSON.stringify(ready)]),
      fc.constant("Welcome to Python!"),
    );
    await fc.assert(
      fc.asyncProperty(other, async (line) => {
        try {
          await (await WorkerProcess.start(await sayer(folder, line, ""))).kill();
        } catch (error) {
          expect(asUseful(error, "/the/python").exitCode).toBe(3);
        }
      }),
      runs(20, 10),
    );
  });
});
