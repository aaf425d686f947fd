import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type RunConfig, runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import { differingKeys, loadRunConfig } from "../../pipeline/commands/run-config-file.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { blocks, literal, page, section, tableRows, yamlValue } from "./pages.ts";
import { schemaPaths } from "./schema-paths.ts";

const text = page("config.md");
const keys = schemaPaths(runConfigSchema);
const described = new Map(
  tableRows(text).flatMap(([key, standard]) => {
    const path = literal(key);
    return path === undefined ? [] : [[path, standard] as const];
  }),
);

/** The YAML of the page; a part of a config is completed by `minimal`. */
const shown = blocks(text, "yaml").map((block) => ({ title: block.split("\n")[0], value: parse(block) as object }));

const minimal = {
  problems: [{ set: "aime" }],
  engine: { kind: "vllm", baseUrl: "http://127.0.0.1:8000/v1", model: "m" },
};

describe("docs/config.md", () => {
  it("describes every key of a config, and none that there is not", () => {
    expect(keys.length).toBeGreaterThan(50);
    expect([...described.keys()].toSorted()).toEqual(keys.map(({ path }) => path).toSorted());
  });

  it.each(keys)("tells the default of $path", ({ path, defaults, mayLackDefault }) => {
    const standard = described.get(path);
    const value = literal(standard);
    if (value !== undefined) expect(defaults).toContainEqual(yamlValue(value));
    else expect([standard, mayLackDefault]).toEqual([expect.stringMatching(/^\*(?:required|none|profile)\*$/u), true]);
  });

  it.each(shown)("shows YAML that is accepted: $title", async ({ value }) => {
    const path = join(await temporaryFolder(), "shown.yaml");
    await writeFile(path, stringify({ ...minimal, ...value }));
    await expect(loadRunConfig(path)).resolves.toBeDefined();
  });

  it("shows a whole config that is accepted as it stands", () => {
    const whole = shown.filter(({ value }) => "problems" in value && "engine" in value);
    expect(whole).not.toEqual([]);
    for (const { value } of whole) expect(() => runConfigSchema.parse(value)).not.toThrow();
  });

  it("lists exactly the keys that may change on resume", () => {
    const listed = Array.from(
      section(text, "What may change on resume").matchAll(/^- `([^`]+)`$/gmu),
      (match) => match[1],
    );
    const free = keys
      .map(({ path }) => path)
      .filter((path) => differingKeys(holding(path, 1), holding(path, 2)).length === 0);
    expect(listed.toSorted()).toEqual(free.toSorted());
  });
});

/** A config, as far as comparing goes, with one value in it. */
function holding(path: string, value: unknown): RunConfig {
  const nested = path
    .split(".")
    .reduceRight<unknown>(
      (inner, key) => (key.endsWith("[]") ? { [key.slice(0, -2)]: [inner] } : { [key]: inner }),
      value,
    );
  return nested as RunConfig;
}
