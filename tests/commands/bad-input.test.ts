import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRunConfig } from "../../pipeline/commands/run-config-file.ts";
import { jsonOf, writeConfig } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** Slips of a command line or a config: each is named, with what to do, and never with a stack. */

const problems = [{ id: "a", problem: "What is $6 \\cdot 7$?", answer: "42" }];
const nowhere = "http://127.0.0.1:1/v1";

async function configIn(folder: string): Promise<string> {
  return writeConfig(folder, problems, nowhere);
}

async function fileWith(text: string): Promise<string> {
  const path = join(await temporaryFolder(), "config.yaml");
  await writeFile(path, text);
  return path;
}

describe("a config", () => {
  it.each([
    ["an alias without an anchor", "a: *nobody"],
    ["aliases that multiply", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]"],
    ["another syntax", "{a: [}"],
  ])("with %s is a UserError that names the file", async (_, text) => {
    const path = await fileWith(text);
    await expect(loadRunConfig(path)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(path),
    });
  });

  it("of many megabytes is refused before it is parsed", async () => {
    const path = await fileWith(`a: [${"1,".repeat(3_000_000)}]`);
    await expect(loadRunConfig(path)).rejects.toThrow(/larger than 512 KiB/u);
  });

  it("has the nearest name suggested for an unknown key inside an alternative", async () => {
    const path = await configIn(await temporaryFolder());
    await expect(loadRunConfig(path, ["schedule.order={randm: 1}"])).rejects.toThrow(
      /schedule\.order\.randm: unknown key, did you mean random\?/u,
    );
    const replay = "engine={kind: replay, recordings: [{fil: x.jsonl}]}";
    await expect(loadRunConfig(path, [replay])).rejects.toThrow(
      /engine\.recordings\.0\.fil: unknown key, did you mean file\?/u,
    );
  });
});

describe("--set", () => {
  it.each([
    ["broken YAML", "sampling={width: ", /--set sampling=/u],
    ["an alias", "sampling.width=*x", /--set sampling\.width/u],
    ["a number beyond a list's end", "problems.5.take=1", /there is no 5 in a list of 1/u],
    ["a name in a list", "problems.take=1", /there is no take in a list of 1/u],
  ])("refuses %s", async (_, override, message) => {
    const path = await configIn(await temporaryFolder());
    await expect(loadRunConfig(path, [override])).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(message),
    });
  });
});

describe("the command line", () => {
  it.each([
    ["an option without its value", ["--set"], "Not enough arguments following: set"],
    ["an empty value", ["--out", ""], "--out has no value"],
    ["one option twice", ["--out", "one", "--out", "two"], "--out is given more than once"],
    ["a file as run directory", ["--out", "config.yaml"], "A file of that name stands there"],
    ["a file on the way to it", ["--out", "config.yaml/run"], "A part of the path is a file"],
    ["a place that takes no directories", ["--out", "/proc/sctir"], "Cannot create /proc/sctir"],
  ])("explains %s", async (_, args, message) => {
    const folder = await temporaryFolder();
    const ended = await sctir(["run", await configIn(folder), ...args], { cwd: folder });
    expect(ended).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(message) });
    expect(ended.stderr).not.toMatch(/bug|^ +at /mu);
  });

  it("shows control characters of a file that it quotes, and sends none to the terminal", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "config.yaml"), "a: [\u001b]0;owned\u0007\nb: {");
    const { stderr } = await sctir(["run", "config.yaml"], { cwd: folder });
    expect(stderr).toContain("␛]0;owned␇");
    expect(stderr).not.toContain("\u001b");
  });

  it("names the field of a manifest that was changed by hand", async () => {
    const out = join(await temporaryFolder(), "run");
    const config = await writeConfig(await temporaryFolder(), problems, nowhere);
    expect(await sctir(["run", config, "--out", out])).toMatchObject({ exitCode: 3 });
    const path = join(out, "manifest.json");
    await writeFile(path, JSON.stringify({ ...jsonOf(out, "manifest.json"), createdAt: "yesterday" }));
    const ended = await sctir(["status", out]);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`${path}: createdAt: Invalid ISO`) });
  });

  it("says so where the current directory is gone", async () => {
    const folder = join(await temporaryFolder(), "gone");
    await mkdir(folder);
    const launcher = join(import.meta.dirname, "../../bin/sctir.js");
    const { execa } = await import("execa");
    const script = 'rmdir "$PWD" && exec "$0" "$1" doctor';
    const ended = await execa("sh", ["-c", script, process.execPath, launcher], { cwd: folder, reject: false });
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("current directory has been deleted") });
    await rm(folder, { recursive: true, force: true });
  });
});
