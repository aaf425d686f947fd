// `npm run bench [-- NAME…] [-- --rounds 3]`: runs the benchmarks of this folder, all or those named, prints what they
// measured, and notes it in results.json and in docs/benchmarks.md. Exit code 1 if an aim was missed.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import yargs from "yargs";
import { UserError } from "../pipeline/core/user-error.ts";
import type { Benchmark, BenchmarkResult } from "./benchmark.ts";
import { aimLines, tableOf, withTable } from "./result-table.ts";

const resultsFile = fileURLToPath(new URL("./results.json", import.meta.url));
const page = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));

const options = await yargs(process.argv.slice(2))
  .scriptName("npm run bench --")
  .usage("$0 [NAME…]")
  .options({
    rounds: { type: "number", default: 10, describe: "how often the ways are measured in turn" },
    note: { type: "boolean", default: true, describe: "write results.json and the page; --no-note only prints" },
  })
  .strictOptions()
  .parse();

async function findBenchmarks(names: readonly string[]): Promise<Benchmark[]> {
  const own = basename(import.meta.filename);
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".ts") && file !== own);
  const modules: { benchmark?: Benchmark }[] = await Promise.all(files.map((file) => import(`./${file}`)));
  const benchmarks = modules.flatMap(({ benchmark }) => benchmark ?? []);
  const known = benchmarks.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown) throw new UserError(`There is no benchmark ${unknown}.`, { hint: `There are: ${known.join(", ")}.` });
  return benchmarks.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** What figures have to be read with. */
function circumstances() {
  const git = (...words: string[]) => execFileSync("git", words, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  const isChanged = git("status", "--porcelain", "--", "../pipeline", ".", ":!results.json") !== "";
  return {
    command: ["npm run bench --", ...process.argv.slice(2)].join(" ").replace(/ --$/u, ""),
    commit: git("rev-parse", "HEAD") + (isChanged ? ", with changes" : ""),
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    loadBefore: loadavg()[0] ?? 0,
  };
}

function note(name: string, figures: ReturnType<typeof circumstances> & { compares: string } & BenchmarkResult): void {
  let results: Record<string, unknown> = {};
  try {
    results = JSON.parse(readFileSync(resultsFile, "utf8"));
  } catch {
    // The first run here.
  }
  results[name] = figures;
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(page, withTable(readFileSync(page, "utf8"), name, tableOf(figures)));
}

/** With numbers of four digits: more would be noise, and the table is to be the one that the file gives. */
function rounded<Value>(value: Value): Value {
  const round = (_: string, part: unknown) =>
    typeof part === "number" && !Number.isInteger(part) ? Number(part.toPrecision(4)) : part;
  return JSON.parse(JSON.stringify(value, round));
}

try {
  for (const { name, compares, measure } of await findBenchmarks(options._.map(String))) {
    console.log(`${name}: ${compares}`);
    const before = rounded(circumstances());
    const result = rounded(await measure({ rounds: options.rounds, say: (line) => console.log(`  ${line}`) }));
    const conditions = Object.entries({ ...before, ...result.conditions }).map(([key, value]) => `${key} ${value}`);
    console.log(`\n${conditions.join("; ")}\n\n${tableOf(result)}\n\n${aimLines(result).join("\n")}\n`);
    if (options.note) note(name, { compares, ...before, ...result });
    if (result.aims.some(({ reached }) => !reached)) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error([error.message, error.hint].join("\n"));
  process.exitCode = error.exitCode;
}
