/** A place where two JSON values differ; undefined where one of them has nothing there. */
export interface Difference {
  field: string; // dotted; empty for the values themselves
  expected: unknown;
  found: unknown;
}

/** Where two JSON values differ, member by member. Numbers are equal or not: nothing is rounded. */
export function differences(expected: unknown, found: unknown, field = ""): Difference[] {
  if (!isContainer(expected) || !isContainer(found) || Array.isArray(expected) !== Array.isArray(found)) {
    return Object.is(expected, found) ? [] : [{ field, expected, found }];
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...keys].flatMap((key) => differences(expected[key], found[key], field === "" ? key : `${field}.${key}`));
}

/** How many values a JSON value holds, itself for one that holds none. */
export function countValues(value: unknown): number {
  if (!isContainer(value)) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + countValues(inner), 0);
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A difference for people: both values as JSON, long ones cut to the part in which they differ. */
export type ShownDifference = Record<"field" | "expected" | "found", string>;

export function shownDifferences(expected: unknown, found: unknown): ShownDifference[] {
  return differences(expected, found).map(({ field, ...values }) => ({
    field,
    ...shownApart(shown(values.expected), shown(values.found)),
  }));
}

const shownCharacters = 100;
const sameBefore = 20; // shown of what two long texts have in common

function shownApart(left: string, right: string): { expected: string; found: string } {
  let same = 0;
  while (same < left.length && left[same] === right[same]) same += 1;
  const isLong = Math.max(left.length, right.length) > shownCharacters;
  const start = isLong ? Math.max(0, same - sameBefore) : 0;
  return { expected: cut(left, start), found: cut(right, start) };
}

/** A value for people: as JSON, cut when it is long. */
export function shownAlone(value: unknown): string {
  return cut(shown(value), 0);
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function cut(text: string, start: number): string {
  const end = start + shownCharacters;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}
