import fc from "fast-check";
import { hostileKey, hostileText } from "./hostile-text.ts";

/** JSON texts of values that no program writes: `JSON.parse` takes them all. */
const oddValues = [
  ...["null", "true", "false", '""', "{}", "[]", "[[]]", "0", "-0", "-1", "0.5", "1e400", "-1e400", "1e-400", "1e308"],
  ...["9007199254740991", "9007199254740992", "9007199254740993", "1e21", "4294967296", "2147483648", "100000", "9999"],
  ...[
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"toString":1}',
    '{"length":1e9}',
    '{"a":1,"a":2}',
  ],
  ...[nested(150), nested(3000), `${'{"a":'.repeat(3000)}1${"}".repeat(3000)}`, '["x","x","x"]'],
];

/** A list that holds a list, and so on. */
export function nested(levels: number): string {
  return `${"[".repeat(levels)}${"]".repeat(levels)}`;
}

export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...oddValues) },
  { weight: 3, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
);

/** A JSON value of which parts can be exchanged for any text, and objects have keys as often as one likes. */
type Node = { raw: string } | { items: Node[] } | { entries: [key: string, value: Node][] };

interface Change {
  kind: "value" | "remove" | "rename" | "add" | "twice";
  place: number; // share of all places, in the order in which they are written
  key: string;
  json: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("value", "value", "remove", "rename", "add", "twice"),
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  key: hostileKey,
  json: hostileJson,
});

/** JSON texts that are one of these values but for one to three changes. */
export function changedJson(values: readonly unknown[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) => {
      const root: Node = { items: [nodeOf(value)] };
      for (const each of changes) apply(root, each);
      return root.items.map(write).join("");
    });
}

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { items: value.map(nodeOf) };
  if (typeof value !== "object" || value === null) return { raw: JSON.stringify(value) };
  return { entries: Object.entries(value).map(([key, inner]) => [key, nodeOf(inner)]) };
}

function write(node: Node): string {
  if ("raw" in node) return node.raw;
  if ("items" in node) return `[${node.items.map(write).join(",")}]`;
  return `{${node.entries.map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`).join(",")}}`;
}

function apply(root: { items: Node[] }, { kind, place, key, json }: Change): void {
  const places = placesIn(root);
  const chosen = places[Math.floor(place * places.length)];
  if (!chosen) return;
  const { holder, index } = chosen;
  const fresh = { raw: json };
  if ("items" in holder) {
    const item = holder.items[index];
    if (kind === "remove" && holder !== root) holder.items.splice(index, 1);
    else if (kind === "add" && item && "entries" in item) item.entries.push([key, fresh]);
    else if (kind === "twice" && item && holder !== root) holder.items.push(item);
    else holder.items[index] = fresh;
    return;
  }
  const entry = holder.entries[index];
  if (!entry) return;
  if (kind === "remove") holder.entries.splice(index, 1);
  else if (kind === "rename") entry[0] = key;
  else if (kind === "add") holder.entries.push([key, fresh]);
  else if (kind === "twice") holder.entries.push([entry[0], fresh]);
  else entry[1] = fresh;
}

type Holder = Exclude<Node, { raw: string }>;

function placesIn(holder: Holder): { holder: Holder; index: number }[] {
  const children = "items" in holder ? holder.items : holder.entries.map(([, value]) => value);
  return children.flatMap((child, index) => [{ holder, index }, ...("raw" in child ? [] : placesIn(child))]);
}

/** A value as one text for equal values, whatever order their keys have; `__proto__` is a key like any other. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
    .join(",")}}`;
}
