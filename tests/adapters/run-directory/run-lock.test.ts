import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { ownHolder } from "../../../pipeline/adapters/run-directory/lock-holder.ts";
import { lockRun, runHolder } from "../../../pipeline/adapters/run-directory/run-lock.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const timing = { beatMilliseconds: 100, silenceMilliseconds: 1500 };
const elsewhere = { host: "elsewhere", place: "elsewhere", pid: 123, processStart: "1" };

/** A lock as a process would have written it that is like this one but for `rest`. */
async function writeLock(folder: string, rest: object, age = 0): Promise<string> {
  const text = JSON.stringify({ ...(await ownHolder()), ...rest });
  await writeFile(join(folder, "run.lock"), text);
  const time = new Date(Date.now() - age);
  await utimes(join(folder, "run.lock"), time, time);
  return text;
}

async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return child.pid ?? 0;
}

const lockModule = new URL("../../../pipeline/adapters/run-directory/run-lock.ts", import.meta.url);

/** A process that says what becomes of its try for a lock, and keeps it until its standard input ends. */
function contender(folder: string): { process: ChildProcess; says: AsyncIterator<string> } {
  const script = `
    import { lockRun } from ${JSON.stringify(lockModule.href)};
    const timing = ${JSON.stringify(timing)};
    try {
      const lock = await lockRun(${JSON.stringify(folder)}, { timing });
      lock.lost.addEventListener("abort", () => console.log("lost: " + lock.lost.reason.message));
      console.log("mine");
      for await (const _ of process.stdin) await lock.confirm().then(() => console.log("confirmed"), () => {});
      await lock.release();
    } catch (error) {
      console.log(error.message);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { process: child, says: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

const said = async (says: AsyncIterator<string>) => String((await says.next()).value);

describe("a run's lock", () => {
  it("is had by one at a time, and tells the other who has it", async () => {
    const folder = await temporaryFolder();
    const lock = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toThrow(`in use by process ${process.pid} on ${hostname()}, since 20`);
    expect(await runHolder(folder)).toMatchObject({ pid: process.pid });
    await lock.confirm();
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    expect(await runHolder(folder)).toBeUndefined();
    await (await lockRun(folder)).release();
  });

  it("is had by one of twenty processes that try at once, be it free or stale", async () => {
    const folder = await temporaryFolder();
    for (const stale of [false, true]) {
      if (stale) await writeLock(folder, { pid: await endedProcess(), nonce: "stale" });
      const all = Array.from({ length: 20 }, () => contender(folder));
      const words = await Promise.all(all.map(({ says }) => said(says)));
      const winner = all[words.indexOf("mine")];
      expect(words.filter((word) => word === "mine")).toHaveLength(1);
      expect(words.filter((word) => word.includes(`in use by process`))).toHaveLength(19);
      expect(await runHolder(folder)).toMatchObject({ pid: winner?.process.pid });
      expect(await readdir(folder)).toEqual(["run.lock"]);
      winner?.process.stdin?.end();
      await once(winner?.process as ChildProcess, "exit");
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("is stale where its process is gone, or its number is another process's now", async () => {
    const folder = await temporaryFolder();
    for (const rest of [{ pid: await endedProcess() }, { pid: process.ppid, processStart: "1" }, { pid: 0 }]) {
      await writeLock(folder, rest);
      expect(await runHolder(folder)).toBeUndefined();
      await (await lockRun(folder)).release();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== "linux")(
    "is stale where its process has ended, and nobody has taken note",
    async () => {
      const folder = await temporaryFolder();
      const parent = spawn("python3", [
        "-c",
        "import os, time\npid = os.fork()\nif pid: print(pid, flush=True); time.sleep(600)",
      ]);
      onTestFinished(() => void parent.kill("SIGKILL"));
      const pid = Number(await said(createInterface({ input: parent.stdout })[Symbol.asyncIterator]()));
      for (;;) if ((await readFile(`/proc/${pid}/stat`, "utf8")).includes(") Z ")) break;
      const start = (await readFile(`/proc/${pid}/stat`, "utf8")).split(" ")[21];
      await writeLock(folder, { pid, processStart: start });
      await (await lockRun(folder)).release();
    },
  );

  it("is refused where a link to nowhere stands in its place", async () => {
    const folder = await temporaryFolder();
    await symlink(join(folder, "nowhere"), join(folder, "run.lock"));
    await expect(lockRun(folder)).rejects.toThrow(`Cannot lock ${folder}: ELOOP.`);
  });

  it("of a holder that stood still is not taken: it may go on", async () => {
    const folder = await temporaryFolder();
    const { process: holder, says } = contender(folder);
    expect(await said(says)).toBe("mine");
    holder.kill("SIGSTOP");
    await sleep(2 * timing.silenceMilliseconds);
    await expect(lockRun(folder, { timing })).rejects.toThrow(`in use by process ${holder.pid}`);
  });
});

describe("a run's lock of another host, container or boot", () => {
  it("is refused as long as it gives signs of life", async () => {
    const folder = await temporaryFolder();
    const text = await writeLock(folder, elsewhere, 600_000);
    const beat = setInterval(() => void writeFile(join(folder, "run.lock"), text), 100);
    onTestFinished(() => clearInterval(beat));
    const notes: string[] = [];
    await expect(lockRun(folder, { timing, onNote: (note) => notes.push(note) })).rejects.toThrow(
      "in use by process 123 on elsewhere",
    );
    expect(notes.join()).toMatch(/watched for a sign of life/u);
    expect(await runHolder(folder, timing)).toMatchObject({ host: "elsewhere" });
    expect(await readFile(join(folder, "run.lock"), "utf8")).toBe(text);
    expect(await readdir(folder)).toEqual(["run.lock"]);
  });

  it.each([
    ["just now", 0],
    ["long ago", 600_000],
    ["in the future, by a clock that was set back", -600_000],
  ])("is taken over once it is silent, with the last sign of life %s", async (_, age) => {
    const folder = await temporaryFolder();
    await writeLock(folder, elsewhere, age);
    const lock = await lockRun(folder, { timing });
    expect(await runHolder(folder)).toMatchObject({ pid: process.pid });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(["", "half a lo", "{}"])("is watched likewise where it cannot be read: %j", async (text) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "run.lock"), text);
    await (await lockRun(folder, { timing })).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken over by one only, also where one that was about to has died", async () => {
    const folder = await temporaryFolder();
    await writeLock(folder, { ...elsewhere, nonce: "theirs" });
    await rename(join(folder, "run.lock"), join(folder, "kept"));
    await writeLock(folder, { pid: await endedProcess(), nonce: "dead" });
    await rename(join(folder, "run.lock"), join(folder, "run.lock.after-theirs"));
    await rename(join(folder, "kept"), join(folder, "run.lock"));
    const tries = await Promise.allSettled(Array.from({ length: 5 }, () => lockRun(folder, { timing })));
    const locks = tries.filter((attempt) => attempt.status === "fulfilled");
    expect(locks).toHaveLength(1);
    expect(await readdir(folder)).toEqual(["run.lock"]);
    await locks[0]?.value.release();
  });
});

describe("the holder of a run's lock", () => {
  it("gives signs of life", async () => {
    const folder = await temporaryFolder();
    const lock = await lockRun(folder, { timing });
    const { mtimeMs } = await stat(join(folder, "run.lock"));
    await expect.poll(async () => (await stat(join(folder, "run.lock"))).mtimeMs).toBeGreaterThan(mtimeMs);
    await lock.release();
  });

  it("learns that another has taken over while it stood still, before it writes", async () => {
    const folder = await temporaryFolder();
    const { process: holder, says } = contender(folder);
    expect(await said(says)).toBe("mine");
    holder.kill("SIGSTOP");
    await sleep(10 * timing.beatMilliseconds);
    const theirs = await writeLock(folder, elsewhere);
    holder.stdin?.write("may I?\n");
    holder.kill("SIGCONT");
    expect(await said(says)).toMatch(/^lost: .* was taken over by process 123 on elsewhere/u);
    holder.stdin?.end();
    await once(holder, "exit");
    expect(await readFile(join(folder, "run.lock"), "utf8")).toBe(theirs);
  });

  it.each([
    ["deleted", (folder: string) => rm(folder, { recursive: true })],
    ["moved", (folder: string) => rename(folder, `${folder}-moved`)],
  ])("learns that the directory was %s", async (_, change) => {
    const folder = join(await temporaryFolder(), "run");
    await mkdir(folder);
    const lock = await lockRun(folder, { timing });
    await change(folder);
    await once(lock.lost, "abort");
    await expect(lock.confirm()).rejects.toThrow("was moved, replaced or deleted while it was written");
    await lock.release();
  });
});
