// `node scripts/in-project.mjs benchmarks/row-stages/large-run.ts`: a run of 200,000 candidates and 2.3 GB of turns is generated,
// killed in the middle, resumed, voted on, scored and verified, each step in a process of its own, and all that is removed again.
// What each step took is printed and goes into docs/benchmarks.md. Takes a quarter of an hour on two cores.
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import yargs from "yargs";
import { tableOf, withTable } from "../result-table.ts";
import type { Taken } from "../row-stages.ts";
import { depth, problemOf, width } from "./made-run.ts";

const options = await yargs(process.argv.slice(2))
  .options({
    candidates: { type: "number", default: 200_000, describe: `in all; ${width} to a problem` },
    folder: { type: "string", default: tmpdir(), describe: "where the run is made" },
    note: { type: "boolean", default: true, describe: "write the page; --no-note only prints" },
  })
  .strictOptions()
  .parse();

const sctir = fileURLToPath(new URL("../../bin/sctir.js", import.meta.url));
const generatePass = fileURLToPath(new URL("./generate-pass.ts", import.meta.url));
const page = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
const figures: Record<string, string | number>[] = [];

/** Makes the command line tell at its end what it took. */
const reporter = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from "node:fs";
  process.on("exit", () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeSync(1, "\\n" + JSON.stringify({ cpuMilliseconds: (userCPUTime + systemCPUTime) / 1000, peakMebibytes: maxRSS / 1024 }));
  });`)}`;

const folder = await mkdtemp(join(options.folder, "sctir-large-run-"));
try {
  const { config, run } = await prepare();
  await command("load", run, "--config", config);
  await command("filter", run);
  await step("generate, killed in the middle", [generatePass, run, String((options.candidates * depth) / 2)]);
  await command("status", run);
  await step("generate, resumed", [generatePass, run]);
  const { size } = await stat(join(run, "turns.jsonl"));
  console.log(`${options.candidates} candidates, ${(size / 1e9).toFixed(2)} GB of turns`);
  await command("run", config, "--out", run); // reads the whole journal once more, votes and scores
  await command("vote", run);
  await command("score", run);
  await command("verify", run);
  await command("status", run);
} finally {
  await rm(folder, { recursive: true });
}
const table = tableOf({ rows: [], figures });
console.log(`\n${table}`);
if (options.note) await writeFile(page, withTable(await readFile(page, "utf8"), "large-run", table));

/** A config, its problems and an empty run directory. */
async function prepare(): Promise<{ config: string; run: string }> {
  const [config, run] = [join(folder, "config.json"), join(folder, "run")];
  const problems = Array.from({ length: options.candidates / width }, (_, index) => problemOf(index));
  const lines = problems.map(({ problemId, statement, gold }) => {
    return `${JSON.stringify({ id: problemId.slice(problemId.indexOf("/") + 1), statement, gold })}\n`;
  });
  await writeFile(join(folder, "problems.jsonl"), lines.join(""));
  const fields = { id: "id", statement: "statement", gold: "gold" };
  const parsed = {
    problems: [{ set: "made", file: "problems.jsonl", fields }],
    profile: "tir",
    engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "made" },
    sampling: { width, depth },
  };
  await writeFile(config, JSON.stringify(parsed));
  await mkdir(run);
  return { config, run };
}

async function command(name: string, ...args: string[]): Promise<void> {
  await step(`sctir ${name}`, ["--import", reporter, sctir, name, ...args]);
}

/** Runs a program that ends, or is killed, with what it took in the last line of its output. */
async function step(name: string, args: readonly string[]): Promise<void> {
  const began = performance.now();
  const env = { NODE_COMPILE_CACHE: join(folder, "compiled") }; // as the launcher has it
  const { stdout, exitCode } = await execa(process.execPath, args, { reject: false, stderr: "inherit", env });
  if (exitCode) throw new Error(`${name} failed with exit code ${exitCode}`);
  const { cpuMilliseconds, peakMebibytes }: Taken = JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1));
  const seconds = (performance.now() - began) / 1000;
  figures.push({ step: name, "peak MiB": String(Math.round(peakMebibytes)), seconds, "CPU s": cpuMilliseconds / 1000 });
  console.log(`${name}: ${Math.round(peakMebibytes)} MiB, ${seconds.toFixed(1)} s`);
}
