import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { loadProblems } from "../../pipeline/adapters/dataset-files/load-problems.ts";
import { loadRecordings } from "../../pipeline/adapters/replay-engine/recordings.ts";
import { removeLeftovers } from "../../pipeline/adapters/run-directory/leftovers.ts";
import { openRunDirectory } from "../../pipeline/adapters/run-directory/run-directory.ts";
import { openTurnJournal } from "../../pipeline/adapters/run-directory/turn-journal.ts";
import {
  type ArtifactFile,
  candidatesFile,
  problemsFile,
  selectedFile,
  turnsFile,
} from "../../pipeline/artifacts/artifact-file.ts";
import { datasetCardSchema } from "../../pipeline/artifacts/dataset-card.ts";
import { loadProfile, loadRunConfig } from "../../pipeline/commands/run-config-file.ts";
import { defaultRunDirectory } from "../../pipeline/commands/run-session.ts";
import { runFilter } from "../../pipeline/stages/filter.ts";
import { runLoad } from "../../pipeline/stages/load.ts";
import { runVote } from "../../pipeline/stages/vote.ts";
import { candidate, turn } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const names = [
  "../../../up",
  "/etc/cron.d/x",
  "..",
  ".",
  "C:\\con",
  "nul",
  "a/b/c",
  "~",
  "$HOME",
  "x".repeat(200),
  "-rf",
];

/** All files below a folder, relative to it. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}

describe("data", () => {
  it("names no file: ids and sets of any name stay within the run directory", async () => {
    const folder = await temporaryFolder();
    const out = join(folder, "a", "b", "run");
    await mkdir(out, { recursive: true });
    const file = join(folder, "data.jsonl");
    await writeFile(
      file,
      names.map((id) => `${JSON.stringify({ id, problem: `What is ${id}?`, answer: 7 })}\n`).join(""),
    );
    const store = await openRunDirectory(out);
    const sets = ["..", "...", "~", "C:\\con", "-rf"];
    await runLoad(
      store,
      sets.map((set) => ({ set, file })),
      { read: loadProblems },
    );
    await runFilter(store, { rule: "integer", sources: [] });
    const ids = (await Array.fromAsync(store.rows(selectedFile))).map(({ problemId }) => problemId);
    expect(ids).toEqual(sets.flatMap((set) => names.map((name) => `${set}/${name}`)));
    await store.replace(
      candidatesFile,
      ids.map((problemId) => candidate(problemId, 0, "7")),
    );
    await runVote(store, { rule: "majority", ties: "first-seen", fallback: null });
    const journal = await openTurnJournal(join(out, "turns.jsonl"));
    for (const id of ids) await journal.append(turn(id, 0, "x"));
    await journal.close();
    const written = ["candidates", "problems", "rejected", "selected", "turns", "votes"].map(
      (name) => `a/b/run/${name}.jsonl`,
    );
    expect(await filesIn(folder)).toEqual([...written, "data.jsonl"]);
  });

  it.each(["a\nb", "a\u0000b", "a\u001bb", "x".repeat(5000), "", " "])("is refused for an id like %j", async (id) => {
    const file = join(await temporaryFolder(), "data.jsonl");
    await writeFile(file, `${JSON.stringify({ id, problem: "What?", answer: 7 })}\n`);
    await expect(loadProblems({ set: "own", file })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("line 1"),
    });
  });

  it.each([
    "file:///etc/passwd",
    "http://127.0.0.1:1/x.jsonl",
    "ftp://example.org/x.csv",
    "a\u0000.jsonl",
    "|id",
    "$(id).csv",
  ])("comes from a file of this machine alone, not from %j", async (file) => {
    await expect(loadProblems({ set: "own", file })).rejects.toMatchObject({ name: "UserError" });
  });

  it.each(["../../etc/passwd", "/etc/passwd", "a/../../b", ".."])(
    "has no card that would put its file at %j",
    (file) => {
      const path = datasetCardSchema.safeParse({ name: "x", file, fields: {}, rows: { before: 1, after: 1 } }).error
        ?.issues;
      expect(path?.map((issue) => issue.path.join("."))).toContain("file");
    },
  );
});

describe("a symbolic link in a run directory", () => {
  it("is not followed by the journal, which is appended to and cut", async () => {
    const folder = await temporaryFolder();
    const target = join(folder, "precious.txt");
    await writeFile(target, "one line, and no end of it");
    await symlink(target, join(folder, "turns.jsonl"));
    const opened = openTurnJournal(join(folder, "turns.jsonl"));
    await expect(opened).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("turns.jsonl: ELOOP"),
    });
    expect(await readFile(target, "utf8")).toBe("one line, and no end of it");
  });

  it("is replaced by a file that is written anew, and what it led to stays as it was", async () => {
    const folder = await temporaryFolder();
    const target = join(folder, "precious.txt");
    await writeFile(target, "precious");
    await symlink(target, join(folder, problemsFile.name));
    await symlink(target, join(folder, `${problemsFile.name}.${process.pid}.tmp`));
    await (await openRunDirectory(folder)).replace(problemsFile, [
      { problemId: "a/b", set: "a", statement: "?", gold: "1" },
    ]);
    expect(await readFile(target, "utf8")).toBe("precious");
    expect(await readFile(join(folder, problemsFile.name), "utf8")).toContain("a/b");
  });
});

describe("a pipe or a device in place of a file", () => {
  it("is refused, and not waited for", async () => {
    const folder = await temporaryFolder();
    await execa("mkfifo", [join(folder, "turns.jsonl")]);
    await symlink("/dev/zero", join(folder, "problems.jsonl"));
    const store = await openRunDirectory(folder);
    for (const file of [turnsFile, problemsFile]) {
      const rows = Array.fromAsync(store.rows(file as ArtifactFile<unknown>));
      await expect(rows).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringContaining("not a regular file"),
      });
    }
    const recording = loadRecordings([{ file: join(folder, "turns.jsonl") }]);
    await expect(recording).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("not a regular file"),
    });
  });
});

describe("a run", () => {
  it("removes temporary files of its own, and nobody else's", async () => {
    const folder = await temporaryFolder();
    for (const name of ["problems.jsonl.123.tmp", "manifest.json.9.tmp", "thesis.123.tmp", "notes.tmp"])
      await writeFile(join(folder, name), "");
    await writeFile(join(folder, "run.lock"), "");
    await removeLeftovers(folder);
    expect(await filesIn(folder)).toEqual(["notes.tmp", "run.lock", "thesis.123.tmp"]);
  });

  it.each(["...yaml", "..yaml", ".yaml", "....json"])(
    "is not put beside or above results because its config is called %s",
    (name) => {
      expect(() => defaultRunDirectory(name)).toThrow(/gives no name/u);
    },
  );

  it("has its profile and its sets from the project's folders by name, and from elsewhere only by path", async () => {
    for (const name of ["..", ".", "constructor", "__proto__", "tir\u0000"]) {
      await expect(loadProfile(name)).rejects.toMatchObject({ name: "UserError" });
      await expect(loadProblems({ set: name })).rejects.toMatchObject({ name: "UserError" });
    }
  });
});

describe("a config", () => {
  it.each([
    ["a function", "problems: !!js/function 'function () { globalThis.owned = true }'"],
    ["a regular expression", "profile: !!js/regexp /(a+)+$/"],
    ["an environment variable", "profile: !env HOME"],
    ["an object of Python", "profile: !!python/object/apply:os.system ['touch owned']"],
    [
      "aliases that multiply",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghi"].map((name, at) => `${name}: &${name} [${`*${"abcdefgh"[at]},`.repeat(9)}]`).join("\n")}`,
    ],
    ["a prototype", "__proto__: {profile: tir}"],
    ["a prototype deep inside", "problems: [{set: a, where: {__proto__: x}}]"],
  ])("that holds %s is refused, with nothing run", async (_, text) => {
    const path = join(await temporaryFolder(), "config.yaml");
    await writeFile(path, text);
    await expect(loadRunConfig(path)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("not valid YAML"),
    });
    expect("owned" in globalThis || "profile" in {} || existsSync("owned")).toBe(false);
  });
});
