import { distance } from "fastest-levenshtein";
import { z } from "zod";

/** The name among `known` that is nearest to a misspelt one, if any is near enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best && best.edits <= Math.max(2, Math.ceil(name.length / 3)) ? best.candidate : undefined;
}

/**
 * What is wrong with a value, one sentence per fault: the field's path, what was expected, and for an unknown key the
 * nearest known one.
 */
export function describeIssues(schema: z.ZodType, error: z.ZodError): string[] {
  const shown = error.issues.slice(0, shownAtMost).flatMap((issue) => describeIssue(schema, issue));
  const more = error.issues.length - shownAtMost;
  return more > 0 ? [...shown, `and ${more} more faults`] : shown;
}

/** Of a file that is nothing like what is expected, every line may have one. */
const shownAtMost = 20;

function describeIssue(schema: z.ZodType, issue: z.core.$ZodIssue): string[] {
  const where = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return issue.keys.slice(0, shownAtMost).map((key) => {
      const near = nearestName(key, known);
      const suggestion = near ? `did you mean ${near}?` : `known: ${known.join(", ")}`;
      const name = key.length <= 80 ? key : `${key.slice(0, 80)}…`;
      return `${where === "" ? name : `${where}.${name}`}: unknown key, ${suggestion}`;
    });
  }
  if (issue.code === "invalid_union") {
    const meant = issue.errors.filter((member) => !member.some(isOfOtherKind));
    if (meant.length > 0) {
      const inner = meant.flat().map((nested) => ({ ...nested, path: [...issue.path, ...nested.path] }));
      return inner.flatMap((nested) => describeIssue(schema, nested));
    }
    const options = [...new Set(issue.errors.flat().map(({ message }) => message))].join(", or ");
    return [`${where}: ${options || issue.message}`];
  }
  return [where === "" ? issue.message : `${where}: ${issue.message}`];
}

/** Whether the value is not of a union member's kind at all, so that the member's other faults say nothing. */
function isOfOtherKind({ path, code }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

/** The keys that a schema knows at a path, over all members of its unions. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let nodes: JsonSchema[] = [z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema];
  for (const key of path) {
    nodes = nodes.flatMap(members).flatMap((node) => {
      const next = typeof key === "number" ? node.items : (node.properties?.[String(key)] ?? node.additionalProperties);
      return typeof next === "object" ? [next] : [];
    });
  }
  return [...new Set(nodes.flatMap(members).flatMap((node) => Object.keys(node.properties ?? {})))];
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
}

function members(node: JsonSchema): JsonSchema[] {
  const nested = [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])];
  return [node, ...nested.flatMap(members)];
}
