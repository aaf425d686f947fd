import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRunDirectory, openRunDirectory } from "../../../pipeline/adapters/run-directory/run-directory.ts";
import { candidatesFile, selectedFile } from "../../../pipeline/artifacts/artifact-file.ts";
import { candidate, problem } from "../../helpers/run-rows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

describe("a run directory", () => {
  it("gives back the rows that were written, and leaves no temporary file", async () => {
    const folder = join(await temporaryFolder(), "deep/run");
    await createRunDirectory(folder);
    const store = await openRunDirectory(folder);
    const rows = [problem("aime/1", "12"), { ...problem("aime/2", "-4"), flags: ["borderline"] }];
    expect(await store.replace(selectedFile, rows)).toBe(2);
    expect(await Array.fromAsync(store.rows(selectedFile))).toEqual(rows);
    expect(await readdir(store.directory)).toEqual(["selected.jsonl"]);
  });

  it("keeps the old file where writing the new one fails half-way", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    await store.replace(candidatesFile, [candidate("a/1", 0, undefined)]);
    async function* failing() {
      yield candidate("a/1", 0, undefined);
      throw new Error("no more");
    }
    await expect(store.replace(candidatesFile, failing())).rejects.toThrow("no more");
    expect(await Array.fromAsync(store.rows(candidatesFile))).toHaveLength(1);
    expect(await readdir(store.directory)).toEqual(["candidates.jsonl"]);
  });

  it("refuses a row that does not hold, when it is written and when it is read", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    const bad = { ...candidate("a/1", 0, undefined), answer: "007" };
    await expect(store.replace(candidatesFile, [bad])).rejects.toThrow();
    await writeFile(join(store.directory, "candidates.jsonl"), `${JSON.stringify(bad)}\n`);
    await expect(Array.fromAsync(store.rows(candidatesFile))).rejects.toThrow(/line 1 .*answer: .*canonical/u);
  });

  it("says how many rows are bad, and shows the first few", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    const good = JSON.stringify(candidate("a/1", 0, undefined));
    await writeFile(join(store.directory, "candidates.jsonl"), `${good}\n${"{}\n".repeat(2000)}${good}\n[]`);
    const reading = Array.fromAsync(store.rows(candidatesFile));
    await expect(reading).rejects.toThrow(
      /line 2 [\s\S]*line 5 [\s\S]*and 1997 more bad lines, the last of them line 2003$/u,
    );
    await expect(reading).rejects.toMatchObject({ hint: expect.stringContaining(`--out ${store.directory} --repair`) });
  });

  it("takes free data under meta, and blank lines", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    const row = candidate("a/1", 0, undefined, { meta: { anything: [1, { deep: true }] } });
    await writeFile(join(store.directory, "candidates.jsonl"), `\n${JSON.stringify(row)}\n\n`);
    expect(await Array.fromAsync(store.rows(candidatesFile))).toEqual([row]);
  });

  it("says which stage writes a missing file, and that a directory is missing", async () => {
    const folder = await temporaryFolder();
    const store = await openRunDirectory(folder);
    await expect(Array.fromAsync(store.rows(candidatesFile))).rejects.toMatchObject({
      hint: expect.stringContaining(`sctir generate ${folder}`),
    });
    await expect(openRunDirectory(join(folder, "absent"))).rejects.toThrow(/no run directory/u);
  });

  it("says what is wrong with a manifest", async () => {
    const store = await openRunDirectory(await temporaryFolder());
    expect(await store.readManifest()).toBeUndefined();
    await writeFile(join(store.directory, "manifest.json"), "{");
    await expect(store.readManifest()).rejects.toThrow(/manifest\.json: not JSON/u);
    await writeFile(join(store.directory, "manifest.json"), '{"formatVersion": 2}');
    await expect(store.readManifest()).rejects.toThrow(/formatVersion/u);
    expect(await readFile(join(store.directory, "manifest.json"), "utf8")).toBe('{"formatVersion": 2}');
  });
});
