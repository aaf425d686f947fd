import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadCard } from "../../../pipeline/adapters/dataset-files/cards.ts";
import { cachedFile, resolveDatasetFile } from "../../../pipeline/adapters/dataset-files/resolve-dataset-file.ts";
import type { DatasetCard } from "../../../pipeline/artifacts/dataset-card.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();
let amc: DatasetCard;
beforeAll(async () => {
  amc = await loadCard("amc");
});

describe("a set's file", () => {
  it("is the given one, even where others are known", async () => {
    const path = folder.write("given.jsonl", "x");
    const SCTIR_DATA = join(folder.write("data1/validation/aimo-validation-amc.jsonl", "x"), "../..");
    expect(await resolveDatasetFile(amc, path, { SCTIR_DATA })).toEqual({ path, origin: "given" });
  });

  it("is the shipped one for a set that comes along", async () => {
    const found = await resolveDatasetFile(await loadCard("sample"), undefined, {});
    expect(found).toMatchObject({ origin: "shipped", path: expect.stringMatching(/sample.problems\.jsonl$/u) });
  });

  it.each(["validation/aimo-validation-amc.jsonl", "aimo-validation-amc.jsonl", "aimo-validation-amc.parquet"])(
    "is found in the data folder as %s",
    async (file) => {
      const SCTIR_DATA = join(folder.path, "data", file.replaceAll("/", "-"));
      const path = folder.write(join("data", file.replaceAll("/", "-"), file), "x");
      expect(await resolveDatasetFile(amc, undefined, { SCTIR_DATA })).toEqual({ path, origin: "data folder" });
    },
  );

  it("is found in the cache where the data folder lacks it", async () => {
    const path = folder.write("cache/datasets/amc/aimo-validation-amc.parquet", "x");
    const environment = { SCTIR_DATA: join(folder.path, "nowhere"), SCTIR_CACHE: join(folder.path, "cache") };
    expect(await resolveDatasetFile(amc, undefined, environment)).toEqual({ path, origin: "cache" });
  });

  it.each([
    [{ SCTIR_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" }, "/c/datasets/amc"],
    [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/sctir/datasets/amc"],
    [{ XDG_CACHE_HOME: "", HOME: "/h" }, "/h/.cache/sctir/datasets/amc"],
  ])("goes into the cache of %j", (environment, directory) => {
    expect(cachedFile(amc, environment)).toBe(join(directory, "aimo-validation-amc.parquet"));
  });

  it("that is nowhere is refused with the command that fetches it", async () => {
    const environment = { SCTIR_CACHE: join(folder.path, "empty") };
    await expect(resolveDatasetFile(amc, undefined, environment)).rejects.toMatchObject({
      name: "UserError",
      exitCode: 2,
      message: expect.stringContaining("set amc"),
      hint: expect.stringMatching(/`sctir datasets fetch amc`.*path: DIRECTORY\/aimo-validation-amc\.jsonl/u),
    });
  });

  it("that is not at the given path is refused with the path", async () => {
    await expect(resolveDatasetFile(amc, "/nowhere/a.jsonl", {})).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("/nowhere/a.jsonl"),
    });
  });
});
