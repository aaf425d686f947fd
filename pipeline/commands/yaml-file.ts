import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import type { z } from "zod";
import { kibibytesAtMost, parseYaml } from "../adapters/yaml-text/parse-yaml.ts";
import { describeIssues } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";

/** Reads a YAML (or JSON) file. Syntax errors name file, line and column. */
export async function readYaml(path: string, what: string): Promise<unknown> {
  let bytes: Buffer;
  try {
    if ((await stat(path)).size > kibibytesAtMost * 1024) {
      throw new UserError(`The ${what} ${path} is larger than ${kibibytesAtMost} KiB.`, {
        hint: `Is it a data file? A ${what} is a short YAML file.`,
      });
    }
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UserError(`Cannot read the ${what} ${path}: ${code === "ENOENT" ? "no such file" : code}.`, {
      hint: "Check the path; relative paths start at the current directory.",
      cause: error,
    });
  }
  if (isUtf8(bytes)) return parseYaml(bytes.toString(), path);
  throw new UserError(`The ${what} ${path} is not UTF-8 text.`, { hint: "Save the file as UTF-8." });
}

/** Checks a value that came from a file; every fault is listed, with the nearest known name for an unknown key. */
export function checked<Output>(
  path: string,
  value: unknown,
  schema: z.ZodType<Output>,
  hint = "docs/config.md lists every key.",
): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = describeIssues(schema, result.error);
  throw new UserError([`${path} does not hold:`, ...faults.map((fault) => `  ${fault}`)].join("\n"), { hint });
}
