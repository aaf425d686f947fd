import { readFile, stat } from "node:fs/promises";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { describeIssues } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";

/** A longer file is refused: it is no config, and reading it as YAML would take minutes. */
const mebibytesAtMost = 4;

/** Reads a YAML (or JSON) file. Syntax errors name file, line and column. */
export async function readYaml(path: string, what: string): Promise<unknown> {
  let text: string;
  try {
    if ((await stat(path)).size > mebibytesAtMost * 2 ** 20) {
      throw new UserError(`The ${what} ${path} is larger than ${mebibytesAtMost} MiB.`, {
        hint: `Is it a data file? A ${what} is a short YAML file.`,
      });
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UserError(`Cannot read the ${what} ${path}: ${code === "ENOENT" ? "no such file" : code}.`, {
      hint: "Check the path; relative paths start at the current directory.",
      cause: error,
    });
  }
  return parseYaml(text, path);
}

/** The value of a YAML text. `where` says in an error where the text stands. */
export function parseYaml(text: string, where: string): unknown {
  try {
    const document = parseDocument(text, { prettyErrors: true });
    const [fault] = document.errors;
    if (fault) throw fault;
    return document.toJS(); // where aliases are resolved, which may fail too
  } catch (error) {
    const message = error instanceof Error ? error.message.trim() : String(error);
    throw new UserError(`${where}: ${message}`, { hint: "Mend the YAML there.", cause: error });
  }
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
