import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A page of docs/. */
export function page(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
}

/** The contents of a page's fenced blocks of one language. */
export function blocks(text: string, language: string): string[] {
  return Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gmsu")), (match) => match[1] ?? "");
}

/** The part under a heading, up to the next heading of the same or a higher level. */
export function section(text: string, heading: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^#+ /u.test(line) && line.replace(/^#+ /u, "") === heading);
  if (start < 0) throw new Error(`no heading ${heading}`);
  const level = (lines[start] ?? "").indexOf(" ");
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /u.test(line) && line.indexOf(" ") <= level);
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** The cells of every table row of a page, headings included. */
export function tableRows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[-|: ]+\|$/u.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** What stands in a cell's backticks, if nothing else does. */
export function literal(cell: string | undefined): string | undefined {
  return /^`([^`]+)`$/u.exec(cell ?? "")?.[1];
}

/** A literal's value: YAML, as it would stand in a config. */
export const yamlValue = (text: string): unknown => parse(text);
