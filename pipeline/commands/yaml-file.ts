import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { describeIssues } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";

/** Reads a YAML (or JSON) file. Syntax errors name file, line and column. */
export async function readYaml(path: string, what: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UserError(`Cannot read the ${what} ${path}: ${code === "ENOENT" ? "no such file" : code}.`, {
      hint: "Check the path; relative paths start at the current directory.",
      cause: error,
    });
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [fault] = document.errors;
  if (fault) throw new UserError(`${path}: ${fault.message.trim()}`, { hint: "Mend the YAML there.", cause: fault });
  return document.toJS();
}

/** Checks a value that came from a file; every fault is listed, with the nearest known name for an unknown key. */
export function checked<Output>(path: string, value: unknown, schema: z.ZodType<Output>): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = describeIssues(schema, result.error);
  throw new UserError([`${path} does not hold:`, ...faults.map((fault) => `  ${fault}`)].join("\n"), {
    hint: "docs/config.md lists every key.",
  });
}
