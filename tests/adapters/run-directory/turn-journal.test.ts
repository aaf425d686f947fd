import { once } from "node:events";
import { writeSync } from "node:fs";
import { appendFile, type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RunLock } from "../../../pipeline/adapters/run-directory/run-lock.ts";
import { openTurnJournal } from "../../../pipeline/adapters/run-directory/turn-journal.ts";
import type { Profile } from "../../../pipeline/artifacts/profile.ts";
import type { Turn } from "../../../pipeline/artifacts/turn.ts";
import type { ReasoningRules } from "../../../pipeline/core/trace.ts";
import { UserError } from "../../../pipeline/core/user-error.ts";
import { CheckpointBuilder } from "../../../pipeline/stages/generate.ts";
import { profileNamed } from "../../helpers/profiles.ts";
import { problem, turn as turnOf } from "../../helpers/run-rows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const row = (candidate: number, turn: number, text = "text", rest: Partial<Turn> = {}) =>
  turnOf("set/a", candidate, text, { turn, finish: "length", ...rest });
const lineOf = (...rows: object[]) => rows.map((each) => `${JSON.stringify(each)}\n`).join("");

async function journalFile(content: string | Buffer = ""): Promise<string> {
  const path = join(await temporaryFolder(), "turns.jsonl");
  await writeFile(path, content);
  return path;
}

async function reopened(path: string): Promise<{ rows: Turn[]; tail: string | undefined }> {
  const rows: Turn[] = [];
  const tails: string[] = [];
  const journal = await openTurnJournal(path, {
    take: (each) => void rows.push(each),
    onTorn: (tail) => tails.push(tail),
  });
  await journal.close();
  return { rows, tail: tails[0] };
}

/** Opens a journal as a run of one problem does. */
async function checked(path: string): Promise<CheckpointBuilder> {
  const tir = profileNamed("tir");
  const profile: Profile = { ...tir, withoutCode: "go-on", answer: { ...tir.answer, needsOutput: false } };
  const rules: ReasoningRules = { profile, depth: 4, state: "stateless" };
  const builder = new CheckpointBuilder([problem("set/a", "1")], rules, profile.policy);
  await (await openTurnJournal(path, { take: (each) => builder.take(each) })).close();
  return builder;
}

describe("the journal", () => {
  it("holds each row once it was appended, in order, whatever its text", async () => {
    const path = await journalFile();
    const journal = await openTurnJournal(path);
    const written = Array.from({ length: 50 }, (_, turn) => row(0, turn, `line\n\u2028"${turn}" 𝔸`));
    await Promise.all(written.map((each) => journal.append(each)));
    expect((await readFile(path, "utf8")).split("\n")).toHaveLength(51);
    await journal.close();
    expect((await reopened(path)).rows).toEqual(written);
  });

  it.each([
    ["half a line", '{"problemId":"set/a","rep', "half a line of 25 bytes"],
    ["a row without its newline", lineOf(row(0, 1)).trimEnd(), /^a line of \d+ bytes without its end$/u],
    [
      "space that was never filled",
      "\0".repeat(4096),
      "half a line of 4096 bytes, NUL bytes among them, as a power cut leaves them",
    ],
    [
      "a row that breaks off in such space",
      `{"problemId":${"\0".repeat(500_000)}`,
      /^half a line of 500013 bytes, NUL bytes among them/u,
    ],
    ["half a character", Buffer.from([0x7b, 0x22, 0xe2, 0x82]), "half a line of 4 bytes"],
  ])("cuts off what a crash or a power cut leaves at its end, and reports it: %s", async (_, tail, reported) => {
    const path = await journalFile(Buffer.concat([Buffer.from(lineOf(row(0, 0))), Buffer.from(tail)]));
    const opened = await reopened(path);
    expect(opened.rows).toHaveLength(1);
    expect(opened.tail).toMatch(reported);
    expect(await readFile(path, "utf8")).toBe(lineOf(row(0, 0)));
    await appendFile(path, lineOf(row(0, 1)));
    expect(await reopened(path)).toMatchObject({ rows: [{ turn: 0 }, { turn: 1 }], tail: undefined });
  });

  it.each([
    ["half a row", '{"torn":\n', /not JSON: \{"torn":/u],
    ["a field of another type", lineOf({ ...row(0, 1), seed: "x" }), /seed: .*number/u],
    ["an unknown field", lineOf({ ...row(0, 1), txet: "x" }), /txet: unknown key, did you mean text\?/u],
    ["a blank line", "\n", /blank/u],
    ["NUL bytes within", `${"\0".repeat(9)}${lineOf(row(0, 1))}`, /NUL bytes, which a power cut can leave/u],
    ["bytes that are not UTF-8", Buffer.from(lineOf(row(0, 1, "caf\u00e9")), "latin1"), /not UTF-8/u],
    ["a turn of an unknown problem", lineOf(turnOf("set/b", 0, "x")), /set\/b is not in selected\.jsonl/u],
    ["a turn whose predecessor is missing", lineOf(row(1, 1)), /set\/a:0:1, turn 1 comes before turn 0/u],
    ["a turn after the end", lineOf(row(0, 1, "\\boxed{7}", { finish: "stop" }), row(0, 2)), /turn 2 comes after/u],
  ])("names file, line, byte and fault of %s, and changes nothing", async (_, bad, fault) => {
    const good = lineOf(row(0, 0));
    const after = lineOf(row(5, 0));
    const path = await journalFile(Buffer.concat([Buffer.from(good), Buffer.from(bad), Buffer.from(after)]));
    const before = await readFile(path);
    const error = await checked(path).catch((thrown: unknown) => thrown as UserError);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ message: expect.stringMatching(fault), hint: expect.stringContaining("--repair") });
    expect((error as UserError).message).toMatch(/turns\.jsonl, line [23] \(byte \d+\): /u);
    expect(await readFile(path)).toEqual(before);
  });

  it("tells both lines of a turn that stands there twice, and whether they are the same", async () => {
    const path = await journalFile(lineOf(row(0, 0), row(1, 0), row(0, 1), row(0, 0), row(0, 1, "other")));
    await expect(checked(path)).rejects.toThrow(
      /line 4 \(byte \d+\): set\/a:0:0, turn 0 stands there already, in line 1, the same in every byte\n {2}line 5 .* turn 1 stands there already, in line 3, but not the same/u,
    );
  });

  it("says how many bad lines there are, and shows the first few", async () => {
    const path = await journalFile(`${lineOf(row(0, 0))}${"no\n".repeat(5000)}${lineOf(row(0, 1))}half`);
    const message = await checked(path).catch((error: Error) => error.message);
    expect(message).toMatch(
      /line 2 [\s\S]*line 3 [\s\S]*line 5 [\s\S]*and 4996 more bad lines, the last of them line 5001$/u,
    );
    expect(await readFile(path, "utf8")).toMatch(/half$/u);
  });
});

/** The prototype of all file handles: a fault of the disk is made there. */
async function fileHandles(): Promise<FileHandle> {
  const handle = await open("/dev/null");
  await handle.close();
  onTestFinished(() => void vi.restoreAllMocks());
  return Object.getPrototypeOf(handle);
}

const fault = (code: string) => Object.assign(new Error(code), { code, syscall: "write" });

describe("the journal on a sick disk", () => {
  it("writes a row in one write", async () => {
    const write = vi.spyOn(await fileHandles(), "write");
    const journal = await openTurnJournal(await journalFile());
    await journal.append(row(0, 0, "x".repeat(3_000_000)));
    expect(write).toHaveBeenCalledTimes(1);
    await journal.close();
  });

  it("takes no row after one that was written in part, and goes on from the whole ones", async () => {
    const handles = await fileHandles();
    const path = await journalFile();
    const journal = await openTurnJournal(path);
    await journal.append(row(0, 0));
    const write = vi.spyOn(handles, "write");
    write.mockImplementationOnce(async function (this: FileHandle, bytes: unknown) {
      return { bytesWritten: writeSync(this.fd, bytes as Buffer, 0, 40), buffer: "" };
    });
    write.mockRejectedValueOnce(fault("ENOSPC"));
    const [first, second] = await Promise.allSettled([journal.append(row(0, 1)), journal.append(row(1, 0))]);
    expect(first).toMatchObject({
      reason: { message: `Cannot write ${path}: ENOSPC.`, hint: expect.stringContaining("disk is full") },
    });
    expect(second).toEqual(first);
    await expect(journal.close()).rejects.toThrow("ENOSPC");
    expect(await reopened(path)).toMatchObject({ rows: [{ turn: 0 }], tail: "half a line of 40 bytes" });
  });

  it("fails for good after a sync that failed, though nothing is appended any more", async () => {
    const handles = await fileHandles();
    const journal = await openTurnJournal(await journalFile());
    const datasync = vi.spyOn(handles, "datasync").mockRejectedValueOnce(fault("EIO"));
    await journal.append(row(0, 0));
    await once(journal.failed as AbortSignal, "abort");
    await expect(journal.append(row(0, 1))).rejects.toThrow(/Cannot sync .*turns\.jsonl: EIO/u);
    await expect(journal.close()).rejects.toThrow("EIO");
    expect(datasync).toHaveBeenCalledTimes(1);
  });

  it("begins no second sync while one takes long, and waits for it at its end", async () => {
    const handles = await fileHandles();
    const journal = await openTurnJournal(await journalFile());
    let finish = () => {};
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const datasync = vi.spyOn(handles, "datasync").mockImplementationOnce(() => slow);
    await journal.append(row(0, 0));
    await expect.poll(() => datasync.mock.calls.length, { timeout: 20_000 }).toBe(1);
    await journal.append(row(0, 1));
    let isClosed = false;
    const closing = journal.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 2500)); // two intervals
    expect([datasync.mock.calls.length, isClosed]).toEqual([1, false]);
    finish();
    await closing;
    expect(datasync).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["deleted", (path: string) => rm(path)],
    ["replaced", async (path: string) => writeFile(`${path}.new`, "").then(() => rename(`${path}.new`, path))],
    ["deleted with its directory", (path: string) => rm(join(path, ".."), { recursive: true })],
    [
      "moved with its directory",
      async (path: string) => {
        await rename(join(path, ".."), `${join(path, "..")}-moved`);
        await mkdir(join(path, ".."));
      },
    ],
  ])("notices that it was %s, though writes still succeed", async (_, change) => {
    const folder = join(await temporaryFolder(), "run");
    await mkdir(folder);
    const journal = await openTurnJournal(join(folder, "turns.jsonl"));
    await journal.append(row(0, 0));
    await change(join(folder, "turns.jsonl"));
    await once(journal.failed as AbortSignal, "abort");
    await expect(journal.append(row(0, 1))).rejects.toThrow("was moved, replaced or deleted while it was written");
    await expect(journal.close()).rejects.toThrow("was moved");
  });

  it("writes nothing once its lock is lost", async () => {
    const path = await journalFile();
    const lost = new AbortController();
    const lock: RunLock = {
      lost: lost.signal,
      confirm: async () => lost.signal.throwIfAborted(),
      release: async () => {},
    };
    const journal = await openTurnJournal(path, { lock });
    await journal.append(row(0, 0));
    lost.abort(new UserError("taken over"));
    expect(journal.failed?.aborted).toBe(true);
    await expect(journal.append(row(0, 1))).rejects.toThrow("taken over");
    await expect(journal.close()).rejects.toThrow("taken over");
    expect(await readFile(path, "utf8")).toBe(lineOf(row(0, 0)));
  });
});
