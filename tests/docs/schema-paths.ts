import { z } from "zod";

interface Node {
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
  oneOf?: Node[];
  default?: unknown;
}

/** A key that a schema knows. */
export interface SchemaPath {
  path: string; // dotted, with [] behind a list of entries
  defaults: unknown[]; // one for each variant that has one
  mayLackDefault: boolean; // in some variant it has none
}

/** Every key of a schema that holds a value, or may hold one, over all members of its unions. */
export function schemaPaths(schema: z.ZodType): SchemaPath[] {
  const found = new Map<string, SchemaPath>();
  collect(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node, "", found);
  return [...found.values()];
}

function collect(node: Node, path: string, found: Map<string, SchemaPath>): void {
  const variants = variantsOf(node);
  if (path !== "" && variants.some(holdsValue)) {
    const { defaults, mayLackDefault } = found.get(path) ?? { defaults: [], mayLackDefault: false };
    const own = "default" in node ? [node.default] : [];
    found.set(path, {
      path,
      defaults: [...defaults, ...own],
      mayLackDefault: mayLackDefault || own.length === 0,
    });
  }
  for (const { properties, items } of variants) {
    for (const entry of entriesOf(items)) collect(entry, `${path}[]`, found);
    for (const [key, inner] of Object.entries(properties ?? {})) {
      collect(inner, path === "" ? key : `${path}.${key}`, found);
    }
  }
}

/** A value, or a list of plain values; a list of objects has their keys. */
function holdsValue({ properties, items }: Node): boolean {
  return properties === undefined && entriesOf(items).length === 0;
}

/** The objects that a list may hold; a plain value beside them is short for one. */
function entriesOf(items: Node | undefined): Node[] {
  return items === undefined ? [] : variantsOf(items).filter(({ properties }) => properties !== undefined);
}

function variantsOf(node: Node): Node[] {
  const members = node.anyOf ?? node.oneOf;
  return members ? members.flatMap(variantsOf) : [node];
}
