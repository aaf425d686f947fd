import type { BenchmarkResult, Quoted, Row } from "./benchmark.ts";

/** The rows, or the figures, as a Markdown table, which reads well on a terminal too. */
export function tableOf({ rows, figures, quoted = [] }: Pick<BenchmarkResult, "rows" | "figures" | "quoted">): string {
  const timeLines = () => [timeHeader, ...rows.map(cellsOf), ...quoted.map(quotedCellsOf)];
  const lines = figures ? linesOf(figures) : timeLines();
  const header = lines[0] ?? [];
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const isText = (column: number) => column < 2;
  const texts = lines.map((cells) => {
    const padded = cells.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `| ${padded.join(" | ")} |`;
  });
  const rule = widths.map((width, column) => (isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [texts[0], `| ${rule.join(" | ")} |`, ...texts.slice(1)].join("\n");
}

const timeHeader = [
  "task",
  "way",
  "runs",
  "per second",
  "median ms",
  "p99 ms",
  "medians of the rounds",
  "the first way's lead",
];

function linesOf(figures: NonNullable<BenchmarkResult["figures"]>): string[][] {
  const header = Object.keys(figures[0] ?? {});
  const cell = (value: string | number = "") =>
    Number.isInteger(value) || typeof value === "string" ? `${value}` : figure(value);
  return [header, ...figures.map((line) => header.map((name) => cell(line[name])))];
}

function cellsOf({ task, way, runs, perSecond, median, p99, spread, ratio }: Row): string[] {
  return [
    ...[task, way, String(runs), figure(perSecond), figure(median), figure(p99)],
    `${figure(spread.lowest)} – ${figure(spread.highest)}`,
    ratio ? `${figure(ratio.median)}× (${figure(ratio.lowest)} – ${figure(ratio.highest)})` : "",
  ];
}

function quotedCellsOf({ task, way, perSecond, median }: Quoted): string[] {
  return [task, way, "quoted", figure(perSecond), median === undefined ? "" : figure(median), "", "", ""];
}

/** Three digits tell more than the measurement does already. */
function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** What was aimed at, a line each. */
export function aimLines({ aims }: Pick<BenchmarkResult, "aims">): string[] {
  return aims.map(({ aim, measured, reached }) => `${reached ? "reached" : "MISSED "}  ${aim}: ${measured}`);
}

/** A page with the table between a benchmark's two marks replaced. Throws where they are missing. */
export function withTable(page: string, name: string, table: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = page.indexOf(start);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The page has no place for a table of ${name}.`);
  return `${page.slice(0, from + start.length)}${table}${page.slice(to)}`;
}
