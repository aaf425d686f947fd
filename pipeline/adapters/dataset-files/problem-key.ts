import { createHash } from "node:crypto";
import type { FieldMapping, KeyRule } from "../../artifacts/dataset-card.ts";
import { UserError } from "../../core/user-error.ts";
import { type DataRow, excerpt, fieldOf, kindOf, textOf } from "./data-row.ts";
import { missingField } from "./missing-field.ts";

const keyCharactersAtMost = 200;

/** A problem's key within its set, and what it was made from: a field, or the statement where rows have no id. */
export interface ProblemKey {
  key: string;
  madeFrom: "mapped-field" | "id-field" | "statement";
}

/**
 * The key of a row. It depends on the row alone, never on its position, so it survives shuffling, filtering and
 * appending. Throws a UserError where the mapped field is missing, no text or number, or does not match the rule.
 */
export function problemKey(
  row: DataRow,
  statement: string,
  { id }: FieldMapping,
  rule: CompiledRule | undefined,
  path: string,
): ProblemKey {
  const field = id ?? "id";
  const value = fieldOf(row.values, field);
  if (id === undefined && (value === undefined || value === null)) {
    return { key: statementKey(statement), madeFrom: "statement" };
  }
  if (value === undefined) throw missingField(row, field, "id", path);
  const text = textOf(value);
  if (text === undefined) {
    throw new UserError(
      `${path}, ${row.place}: "${field}" names the row; expected text or a number, found ${kindOf(value)}.`,
      {
        hint: otherIdHint,
      },
    );
  }
  const key = rule ? rule.keyOf(text) : text;
  if (key === undefined) {
    throw new UserError(`${path}, ${row.place}: no key can be made from "${field}": ${excerpt(text)}.`, {
      hint: `Expected a text that matches ${rule?.pattern}. To name the rows by another field, say so in the config: fields: {id: NAME}.`,
    });
  }
  const fault = keyFault(key);
  if (fault)
    throw new UserError(`${path}, ${row.place}: "${field}" names the row, but ${fault}.`, { hint: otherIdHint });
  return { key, madeFrom: id === undefined ? "id-field" : "mapped-field" };
}

const otherIdHint = "Name a field with a short, unique value in the config: fields: {id: NAME}.";

function keyFault(key: string): string | undefined {
  if (key.trim() === "") return "it is empty";
  if (key.length > keyCharactersAtMost)
    return `it has ${key.length} characters; at most ${keyCharactersAtMost} are allowed`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u.test(key)) return "it holds a line end or another control character";
  return key.isWellFormed() ? undefined : "it holds half a character (a lone surrogate)";
}

/** 64 bits of a hash: among a million statements, two share a key with a chance of 3 in 10^8. */
function statementKey(statement: string): string {
  return createHash("sha256").update(statement.trim()).digest("hex").slice(0, 16);
}

export interface CompiledRule {
  pattern: string;
  /** The key for a field's text; undefined where the pattern does not match. */
  keyOf(text: string): string | undefined;
}

export function compileKeyRule({ pattern, rule }: KeyRule): CompiledRule {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, "u");
  } catch (error) {
    throw new UserError(`The key pattern ${pattern} is not a regular expression.`, {
      hint: error instanceof Error ? `${error.message}.` : "Mend it in the card.",
      cause: error,
    });
  }
  return {
    pattern,
    keyOf(text) {
      const groups = expression.exec(text)?.groups;
      if (!groups) return undefined;
      const key = rule.replace(/\$<([^>]*)>/gu, (_whole, name: string) => groups[name] ?? "");
      return key.replace(/(?:\s|%20)+/gu, "_");
    },
  };
}
