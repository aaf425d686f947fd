import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { jsonOf, rowsOf, writeConfig } from "../helpers/run-files.ts";
import { derivedFiles, runInProcess, SampleRuns } from "../helpers/sample-runs.ts";
import { startScriptedEngine, until } from "../helpers/scripted-engine.ts";
import { sctir } from "../helpers/sctir.ts";
import { canMount, smallFileSystem } from "../helpers/small-file-system.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let runs: SampleRuns;
beforeAll(async () => {
  runs = await SampleRuns.make();
});
afterAll(() => runs.remove());

/** Fills a file system but for so many blocks. */
function fill(path: string, blocksLeft: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail - blocksLeft) * bsize));
}

const leftovers = (out: string) =>
  readdirSync(out).filter((name) => !["turns.jsonl", "summary.json", "manifest.json", ...derivedFiles].includes(name));

describe.skipIf(!canMount)("a run on a disk that is full", () => {
  it("ends with a clear error wherever that happens, and goes on to the undisturbed result", async () => {
    const failedAt = new Set<string>();
    for (let blocks = 0, isComplete = false; !isComplete; blocks += 1) {
      const { path: out } = await smallFileSystem("size=512k");
      const filler = join(out, "..", "filler");
      fill(filler, blocks);
      const ended = await runs.run(out);
      isComplete = ended.error === undefined;
      if (ended.error) {
        expect(ended.error).toMatchObject({ exitCode: 2, hint: expect.stringContaining("The disk is full") });
        failedAt.add(
          /(lock|write|sync) \S*?([^/ ]+): ENOSPC\.$/u.exec(ended.error.message)?.slice(1).join(" ") ??
            ended.error.message,
        );
        expect(leftovers(out), `with ${blocks} blocks`).toEqual([]);
        await rm(filler);
        expect((await runs.run(out)).error).toBeUndefined();
      }
      runs.expectWhole(out);
    }
    for (const where of ["lock run", "write manifest.json", "write problems.jsonl", "write turns.jsonl"]) {
      expect(failedAt).toContain(where);
    }
    expect([...failedAt].join()).toMatch(/candidates|votes|verdicts|summary/u);
  });

  it("is told also where there is no room for another file", async () => {
    const { path: out, shell } = await smallFileSystem("size=512k,nr_inodes=6");
    const ended = await runs.run(out);
    expect(ended.error).toMatchObject({
      message: expect.stringContaining("ENOSPC"),
      hint: expect.stringContaining("more files"),
    });
    await shell('mount -o remount,nr_inodes=100 "$AT"');
    expect((await runs.run(out)).error).toBeUndefined();
    runs.expectWhole(out);
  });

  it("leaves everything as it was where a repair finds no room", async () => {
    const { path: out } = await smallFileSystem("size=512k");
    await runs.unfinished(join(out, "again"));
    const journal = join(out, "again/turns.jsonl");
    const damaged = readFileSync(journal, "utf8").replace('{"problemId"', '{"problem');
    writeFileSync(journal, damaged);
    const filler = join(out, "filler");
    fill(filler, 7); // the manifest, the note and the line, but not the journal
    const refused = await runs.run(join(out, "again"), { repair: true });
    expect(refused.error?.message).toContain("ENOSPC");
    expect(readFileSync(journal, "utf8")).toBe(damaged);
    await rm(filler);
    expect((await runs.run(join(out, "again"), { repair: true })).error).toBeUndefined();
    runs.expectWhole(join(out, "again"));
  });
});

describe.skipIf(!canMount)("a run directory that is read-only", () => {
  it("is told from the start, can be looked at, and goes on once it can be written", async () => {
    const { path: out, shell } = await smallFileSystem("size=1m");
    await runs.unfinished(join(out, "run"));
    await shell('mount -o remount,ro "$AT"');
    const refused = await runs.run(join(out, "run"));
    expect(refused.error).toMatchObject({
      message: expect.stringMatching(/^Cannot lock .*: EROFS\.$/u),
      hint: expect.stringContaining("--out"),
    });
    expect((await runs.run(join(out, "new"))).error?.message).toMatch(/^Cannot create .*: EROFS\.$/u);
    expect(await sctir(["status", join(out, "run")])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("interrupted"),
    });
    await shell('mount -o remount,rw "$AT"');
    expect((await runs.run(join(out, "run"))).error).toBeUndefined();
    runs.expectWhole(join(out, "run"));
  });
});

/** A run whose engine never answers, once it has begun to generate. */
async function hangingRun() {
  const engine = await startScriptedEngine(() => ({ hang: true }));
  onTestFinished(() => engine.close());
  const folder = await temporaryFolder();
  const config = await writeConfig(folder, [{ id: "a", problem: "1?", answer: "1" }], engine.baseUrl, {
    strategy: "cot",
    profile: "cot",
  });
  const out = join(folder, "run");
  const ended = runInProcess(config, out);
  await until(() => engine.running === 3);
  return { out, ended };
}

describe("a run directory that is taken away under a run", () => {
  it.each([
    ["deleted", (out: string) => rm(out, { recursive: true })],
    ["moved", (out: string) => rename(out, `${out}-moved`)],
    ["replaced", (out: string) => rename(out, `${out}-old`).then(() => mkdir(out))],
  ])("ends it when it is %s, though no answer ever comes", async (_, change) => {
    const { out, ended } = await hangingRun();
    await change(out);
    const { error } = await ended;
    expect(error?.message).toMatch(/was moved, replaced or deleted while it was written/u);
    const isMade = existsSync(out);
    expect(isMade ? readdirSync(out) : []).toEqual([]);
  });

  it("ends it when its lock is another's by now", async () => {
    const { out, ended } = await hangingRun();
    const theirs = { ...jsonOf(out, "run.lock"), host: "elsewhere", pid: 77, nonce: "theirs" };
    writeFileSync(join(out, "run.lock"), JSON.stringify(theirs));
    const manifest = readFileSync(join(out, "manifest.json"), "utf8");
    expect((await ended).error?.message).toMatch(/was taken over by process 77 on elsewhere/u);
    expect(readFileSync(join(out, "manifest.json"), "utf8")).toBe(manifest);
    expect(jsonOf(out, "run.lock")).toEqual(theirs);
  });
});

describe("a clock that is set back under a run", () => {
  it("puts no turn before those that are there, nor before the beginning", async () => {
    const engine = await startScriptedEngine(() => "The answer is $\\boxed{1}$.");
    onTestFinished(() => engine.close());
    const folder = await temporaryFolder();
    const problems = ["a", "b"].map((id) => ({ id, problem: `${id}?`, answer: "1" }));
    const config = await writeConfig(folder, problems, engine.baseUrl, { strategy: "cot", profile: "cot" });
    const out = join(folder, "run");
    const ahead = new Date(Date.now() + 3 * 86_400_000).toISOString();
    for (const keptTurns of [0, 2]) {
      await rm(out, { recursive: true, force: true });
      await runInProcess(config, out);
      const { stages, ...manifest } = jsonOf(out, "manifest.json") as { stages: Record<string, object> };
      const { load, filter } = stages;
      const interrupted = { ...manifest, createdAt: ahead, state: "interrupted", stages: { load, filter } };
      writeFileSync(join(out, "manifest.json"), JSON.stringify(interrupted));
      const kept = rowsOf(out, "turns.jsonl")
        .slice(0, keptTurns)
        .map((row, index) => ({ ...row, startedAt: 5000 + index }));
      writeFileSync(join(out, "turns.jsonl"), kept.map((row) => `${JSON.stringify(row)}\n`).join(""));
      expect((await runInProcess(config, out)).error).toBeUndefined();
      const starts = rowsOf(out, "turns.jsonl").map(({ startedAt }) => Number(startedAt));
      expect(starts).toHaveLength(6);
      expect(Math.min(...starts.slice(keptTurns))).toBeGreaterThanOrEqual(keptTurns === 0 ? 0 : 5001);
      expect(Math.max(...starts)).toBeGreaterThan(keptTurns === 0 ? 0 : 5001);
      expect(Math.max(...starts)).toBeLessThan(86_400_000);
      expect(jsonOf(out, "summary.json")).toMatchObject({ all: { accuracy: { estimate: 1 } } });
    }
  });
});

describe("a process that may open no more files", () => {
  it("is told so, and what it was about to write is as it was", async () => {
    const folder = await temporaryFolder();
    const adapters = new URL("../../pipeline/adapters/run-directory/", import.meta.url).href;
    const script = `
      import { openSync } from "node:fs";
      import { lockRun } from "${adapters}run-lock.ts";
      import { writeDerived } from "${adapters}derived-file.ts";
      import { openTurnJournal } from "${adapters}turn-journal.ts";
      for (;;) try { openSync("/dev/null"); } catch { break; }
      const tries = [
        () => lockRun(${JSON.stringify(folder)}),
        () => writeDerived(${JSON.stringify(join(folder, "kept"))}, ["new"]),
        () => openTurnJournal(${JSON.stringify(join(folder, "turns.jsonl"))}),
      ];
      for (const attempt of tries) await attempt().catch(({ message, hint }) => console.log(message, hint));`;
    writeFileSync(join(folder, "kept"), "old");
    const node = `exec ${JSON.stringify(process.execPath)} --input-type=module -e "$SCRIPT"`;
    const ended = spawnSync("bash", ["-c", `ulimit -n 64; ${node}`], {
      encoding: "utf8",
      env: { ...process.env, SCRIPT: script },
    });
    const remedy = "Too many files are open. Raise the limit (ulimit -n) and run the same command again.";
    expect(ended.stdout.trim().split("\n")).toEqual([
      `Cannot lock ${folder}: EMFILE. ${remedy}`,
      `Cannot write ${join(folder, "kept")}: EMFILE. ${remedy}`,
      `Cannot open ${join(folder, "turns.jsonl")}: EMFILE. ${remedy}`,
    ]);
    expect(readdirSync(folder)).toEqual(["kept"]);
    expect(readFileSync(join(folder, "kept"), "utf8")).toBe("old");
  });
});
