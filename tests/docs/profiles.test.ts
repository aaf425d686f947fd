import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { profileSchema } from "../../pipeline/artifacts/profile.ts";
import { profileNamed } from "../helpers/profiles.ts";
import { literal, page, section, tableRows } from "./pages.ts";
import { schemaPaths } from "./schema-paths.ts";

const text = page("profiles.md");
const shipped = readdirSync(new URL("../../profiles", import.meta.url)).map((file) => file.replace(/\.yaml$/u, ""));
const fields = schemaPaths(profileSchema).map(({ path }) => path);
const [heading = [], ...differences] = tableRows(section(text, "How they differ"));

describe("docs/profiles.md", () => {
  it("describes every field of a profile, and none that there is not", () => {
    const described = tableRows(section(text, "Fields"))
      .slice(1)
      .flatMap(([names = ""]) => names.split(", ").map(literal));
    expect(described.toSorted()).toEqual(fields.toSorted());
  });

  it("says what each shipped profile is for", () => {
    const [table] = text.split("## How they differ");
    expect(
      tableRows(table ?? "")
        .flatMap(([name]) => literal(name) ?? [])
        .toSorted(),
    ).toEqual(shipped.toSorted());
  });

  it("compares all shipped profiles", () => {
    expect(heading.slice(1).toSorted()).toEqual(shipped.toSorted());
    expect(differences.length).toBeGreaterThan(10);
  });

  it.each(differences)("tells the shipped values of %s", (field, ...cells) => {
    const path = literal(field) ?? "";
    expect(fields).toContain(path);
    expect(cells).toEqual(heading.slice(1).map((name) => shownValue(profileNamed(name), path)));
  });
});

/** As a cell shows it: a dash for what the profile leaves out or has off by default. */
function shownValue(profile: object, path: string): string {
  const value = path.split(".").reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], profile);
  const isDefault = path === "answer.searchesPrompt" && value === false;
  return value === undefined || isDefault ? "–" : String(value);
}
