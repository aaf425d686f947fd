import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { emulate } from "../../pipeline/commands/embedded-engine.ts";
import { loadGpu } from "../../pipeline/commands/engine-card-file.ts";
import { loadProfile, loadRunConfig } from "../../pipeline/commands/run-config-file.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedJson, hostileJson, nested } from "./hostile-json.ts";
import { damagedBytes, hostileKey, hostileText, oddKeys } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));
const textsIn = (folder: string) =>
  readdirSync(join(project, folder))
    .filter((name) => name.endsWith(".yaml") && name !== "gpus.yaml")
    .map((name) => readFileSync(join(project, folder, name), "utf8"));

/** The files of a folder, damaged, or as JSON with other values. */
function otherThan(texts: readonly string[]): fc.Arbitrary<string | Buffer> {
  return fc.oneof(damagedBytes(texts), changedJson(texts.map((text) => parse(text) as unknown)));
}

describe("a config", () => {
  it("is read, or refused with its path", async () => {
    const path = join(await temporaryFolder(), "config.yaml");
    await fc.assert(
      fc.asyncProperty(otherThan(textsIn("configs")), async (bytes) => {
        await writeFile(path, bytes);
        await loadRunConfig(path).catch((error: unknown) => asUseful(error));
      }),
      runs(75, 2),
    );
  });

  it("of 50,000 brackets is refused with its path", async () => {
    const path = join(await temporaryFolder(), "config.yaml");
    await writeFile(path, nested(25_000));
    const error = await loadRunConfig(path).catch((thrown: unknown) => thrown);
    expect(asUseful(error, path).message).toContain("nested too deeply");
  });

  it("with --set of anything is read, or refused", async () => {
    const path = join(await temporaryFolder(), "config.yaml");
    await writeFile(path, readFileSync(join(project, "configs/vllm.yaml")));
    const known = ["sampling", "width", "problems", "0", "engine", "baseUrls", "fields", "budget", "python", "answer"];
    const key = fc.array(fc.oneof(fc.constantFrom(...known), hostileKey), { minLength: 1, maxLength: 4 });
    const override = fc.oneof(
      fc.tuple(key, fc.oneof(hostileJson, hostileText)).map(([keys, value]) => `${keys.join(".")}=${value}`),
      hostileText,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(override, { minLength: 1, maxLength: 2 }), async (overrides) => {
        await loadRunConfig(path, overrides).catch((error: unknown) => asUseful(error));
      }),
      runs(75, 2),
    );
    for (const name of oddKeys) expect(Object.prototype).not.toHaveProperty([name, "x"]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe("a profile", () => {
  it("is read, or refused with its path", async () => {
    const path = join(await temporaryFolder(), "profile.yaml");
    await fc.assert(
      fc.asyncProperty(otherThan(textsIn("profiles")), async (bytes) => {
        await writeFile(path, bytes);
        await loadProfile(path).catch((error: unknown) => asUseful(error, path));
      }),
      runs(50, 2),
    );
  });
});

describe("an engine card", () => {
  it("is read and emulated, or refused", async () => {
    const path = join(await temporaryFolder(), "card.yaml");
    await fc.assert(
      fc.asyncProperty(otherThan(textsIn("engines")), async (bytes) => {
        await writeFile(path, bytes);
        await emulate(path, new VirtualClock()).catch((error: unknown) => asUseful(error));
      }),
      runs(50, 4),
    );
  });

  it.each(oddKeys)("names no GPU that every object seems to have: %j", async (key) => {
    await expect(loadGpu(key)).rejects.toMatchObject({ name: "UserError" });
  });
});
