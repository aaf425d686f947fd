import { nearestName } from "../../core/schema-issue.ts";
import { UserError } from "../../core/user-error.ts";
import { type DataRow, fieldPaths } from "./data-row.ts";

const namesAtMost = 12;

/** The error for a row without a mapped field, with the fields that it has. `part` is the config's name for it. */
export function missingField(row: DataRow, field: string, part: string, path: string): UserError {
  const names = fieldPaths(row.values);
  const nearest = nearestName(field, names);
  const shown = names.slice(0, namesAtMost).join(", ") + (names.length > namesAtMost ? ", …" : "");
  const inConfig = (name: string) => (part === "where" ? `where: {${name}: TEXT}` : `fields: {${part}: ${name}}`);
  return new UserError(
    `${path}, ${row.place}: the field "${field}" (${part}) is missing; the row has ${shown || "no fields"}.`,
    {
      hint: nearest
        ? `Did you mean "${nearest}"? Say so in the config: ${inConfig(nearest)}.`
        : `Name the field that holds it in the config: ${inConfig("NAME")}.`,
    },
  );
}
