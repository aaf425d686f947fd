import { visibleJson, visibleText } from "../core/visible-text.ts";

/**
 * What a command prints: results on stdout, everything else on stderr. Texts of files, models, programs and servers may
 * stand in all of it, so nothing goes out that would steer a terminal.
 */
export function printLine(text = ""): void {
  process.stdout.write(`${visibleText(text)}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${visibleJson(value, 2)}\n`);
}

export function printNote(text: string): void {
  process.stderr.write(`${visibleText(text)}\n`);
}

/** A command to be copied into a shell: words that mean something there are quoted. */
export function commandLine(words: readonly string[]): string {
  const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  return words.map((word) => (/^[\w@%+=:,./-]+$/u.test(word) ? word : quoted(word))).join(" ");
}

/** Columns padded to their widest cell; the first is flush left, the others are flush right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}
