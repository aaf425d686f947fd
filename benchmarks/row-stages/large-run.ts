// `node scripts/in-project.mjs benchmarks/row-stages/large-run.ts`: a run of 200,000 candidates and 2.4 GB of turns, killed in
// the middle, resumed, voted on and scored, each step in a process of its own, with what each took. The files go afterwards.
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import yargs from "yargs";
import { tableOf } from "../result-table.ts";
import { depth, problemOf, width } from "./made-run.ts";

const options = await yargs(process.argv.slice(2))
  .options({
    candidates: { type: "number", default: 200_000, describe: `in all; ${width} to a problem` },
    folder: { type: "string", default: tmpdir(), describe: "where the run is made, and removed again" },
  })
  .strictOptions()
  .parse();

const root = fileURLToPath(new URL("../../", import.meta.url));
const sctir = join(root, "bin/sctir.js");
const generatePass = join(root, "benchmarks/row-stages/generate-pass.ts");
const figures: Record<string, string | number>[] = [];

/** Has its process tell at its end what it took, whatever it does. */
const reporter = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from "node:fs";
  process.on("exit", () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeSync(1, "\\n" + JSON.stringify({ cpuMilliseconds: (userCPUTime + systemCPUTime) / 1000, peakMebibytes: maxRSS / 1024 }));
  });`)}`;

async function step(name: string, args: readonly string[]): Promise<void> {
  const began = performance.now();
  const { stdout } = await execa(process.execPath, args, { reject: false, stderr: "inherit" });
  const { cpuMilliseconds, peakMebibytes } = JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1));
  const seconds = (performance.now() - began) / 1000;
  figures.push({
    step: name,
    ...{ "peak MiB": Math.round(peakMebibytes), seconds, "CPU seconds": cpuMilliseconds / 1000 },
  });
  console.log(`${name}: ${Math.round(peakMebibytes)} MiB, ${seconds.toFixed(1)} s`);
}

const command = (...args: string[]) => step(`sctir ${args[0]}`, ["--import", reporter, sctir, ...args]);
const generate = (name: string, ...args: string[]) => step(name, [generatePass, ...args]);

const folder = await mkdtemp(join(options.folder, "sctir-large-run-"));
try {
  const problems = Array.from({ length: options.candidates / width }, (_, index) => problemOf(index));
  const rows = problems.map(({ problemId, statement, gold }) => ({
    id: problemId.replace("made/", ""),
    statement,
    gold,
  }));
  await writeFile(join(folder, "problems.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const config = join(folder, "config.json");
  const run = join(folder, "run");
  const fields = { id: "id", statement: "statement", gold: "gold" };
  await writeFile(
    config,
    JSON.stringify({
      problems: [{ set: "made", file: "problems.jsonl", fields }],
      profile: "tir",
      engine: { kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "made" },
      sampling: { width, depth },
    }),
  );
  await mkdir(run);
  await command("load", run, "--config", config);
  await command("filter", run);
  await generate("generate, killed in the middle", run, String((options.candidates * depth) / 2));
  await command("status", run);
  await generate("generate, resumed", run);
  const { size } = await stat(join(run, "turns.jsonl"));
  console.log(`${options.candidates} candidates, ${(size / 1e9).toFixed(2)} GB of turns`);
  await command("run", config, "--out", run); // the whole journal once more, then vote and score in one process
  await command("vote", run);
  await command("score", run);
  await command("status", run);
} finally {
  await rm(folder, { recursive: true });
}
console.log(`\n${tableOf({ rows: [], figures })}`);
