import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lockRun, runHolder } from "../../../pipeline/adapters/run-directory/run-lock.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const holder = (rest: object) =>
  JSON.stringify({ pid: 1, host: hostname(), since: "2026-01-01", processStart: null, nonce: "n", ...rest });

describe("a run's lock", () => {
  it("is had by one at a time, and tells the other who has it", async () => {
    const folder = await temporaryFolder();
    const unlock = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toThrow(`in use by process ${process.pid} on ${hostname()}`);
    expect(await runHolder(folder)).toMatchObject({ pid: process.pid });
    await unlock();
    expect(await readdir(folder)).toEqual([]);
    await (await lockRun(folder))();
  });

  it("is had by one of many that try at once", async () => {
    const folder = await temporaryFolder();
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockRun(folder)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await readdir(folder)).toEqual(["run.lock"]);
  });

  it("is stale where its process is gone, or its pid is another process's now", async () => {
    const folder = await temporaryFolder();
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    await writeFile(join(folder, "run.lock"), holder({ pid: child.pid }));
    expect(await runHolder(folder)).toBeUndefined();
    await (await lockRun(folder))();
    await writeFile(join(folder, "run.lock"), holder({ pid: process.ppid, processStart: "1" }));
    await (await lockRun(folder))();
    await writeFile(join(folder, "run.lock"), "half a lo");
    await (await lockRun(folder))();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is never assumed stale on another host", async () => {
    const folder = await temporaryFolder();
    const theirs = holder({ host: "elsewhere", pid: 123 });
    await writeFile(join(folder, "run.lock"), theirs);
    await expect(lockRun(folder)).rejects.toMatchObject({
      message: expect.stringContaining("process 123 on elsewhere"),
      hint: expect.stringContaining("remove"),
    });
    expect(await readFile(join(folder, "run.lock"), "utf8")).toBe(theirs);
  });
});
