import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import * as artifacts from "../../pipeline/artifacts/artifact-file.ts";
import { manifestSchema } from "../../pipeline/artifacts/manifest.ts";
import { setSummarySchema } from "../../pipeline/artifacts/summary.ts";
import { exitCodes } from "../../pipeline/core/user-error.ts";
import { jsonOf, rowsOf } from "../helpers/run-files.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { blocks, literal, page, section, tableRows } from "./pages.ts";
import { schemaPaths } from "./schema-paths.ts";

const text = page("run-directory.md");
const files = Object.values(artifacts).filter((file) => typeof file === "object");

/** The fields in the first column of a section's first table. */
function described(heading: string): (string | undefined)[] {
  const rows = tableRows(section(text, heading).split("\n\n| outcome")[0] ?? "");
  return rows.slice(1).flatMap(([names = ""]) => names.split(", ").map(literal));
}

describe("docs/run-directory.md", () => {
  it.each(files)("describes every field of $name, and none that there is not", ({ name, schema }) => {
    expect(described(name).toSorted()).toEqual(
      schemaPaths(schema)
        .map(({ path }) => path)
        .toSorted(),
    );
  });

  it.each(files)("shows a row of $name", ({ name, schema }) => {
    const examples = blocks(section(text, name), "json");
    expect(examples).toHaveLength(1);
    for (const example of examples) expect(() => schema.parse(JSON.parse(example))).not.toThrow();
  });

  it("describes the fields of the manifest and of a summary", () => {
    expect(described("manifest.json").toSorted()).toEqual(Object.keys(manifestSchema.shape).toSorted());
    expect(described("summary.json").toSorted()).toEqual(Object.keys(setSummarySchema.shape).toSorted());
  });

  it("lists every exit code", () => {
    const codes = tableRows(section(text, "Exit codes"))
      .slice(1)
      .map(([code]) => Number(code));
    expect(codes).toEqual(Object.values(exitCodes));
  });

  it("scores hand-written artifacts by the commands that it shows", async () => {
    const [commands = ""] = blocks(section(text, "Artifacts by hand, or from another tool"), "sh");
    const folder = await temporaryFolder();
    const launcher = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));
    const script = `set -e\nsctir() { "${process.execPath}" "${launcher}" "$@"; }\n${commands.replaceAll("npx sctir", "sctir")}`;
    await execa("bash", ["-c", script], { cwd: folder });
    const directory = `${folder}/results/by-hand`;
    expect(rowsOf(directory, "rejected.jsonl")).toMatchObject([{ reason: "not an integer: 0.5" }]);
    expect(jsonOf(directory, "summary.json")).toMatchObject({ all: { problems: 2, accuracy: { estimate: 0.5 } } });
  });
});
