// `npm run reproduce`: runs the tiny models that come with sctir as docs/tiny.md tells, makes its tables and figures anew,
// and prints them. Less than half an hour on two cores; a run that was interrupted goes on. Options:
// npm run reproduce -- --problems 20 --seed-problems 10 --seeds 2 --folder results/quick --no-note
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import yargs from "yargs";
import { withTable } from "../benchmarks/result-table.ts";
import { evidenceOf, markdownOf } from "./reproduce/claims.ts";
import { svgOf } from "./reproduce/figure.ts";
import { carryOut, plannedRuns, root } from "./reproduce/runs.ts";

const options = await yargs(process.argv.slice(2))
  .scriptName("npm run reproduce --")
  .options({
    problems: { type: "number", default: 200, describe: "on which checkpoints are compared; at most 400" },
    seedProblems: { type: "number", default: 100, describe: "which are run with several seeds" },
    seeds: { type: "number", default: 10, describe: "how many; 2 at least" },
    folder: { type: "string", default: "results/tiny", describe: "where the runs are" },
    note: { type: "boolean", default: true, describe: "write docs/tiny.md and its figures; --no-note only prints" },
  })
  .check(({ seeds }) => seeds >= 2 || "--seeds: 2 at least, as their spread is what is shown")
  .strict()
  .parse();

const began = performance.now();
for (const run of plannedRuns(options)) {
  console.log(
    `\n${run.name}: ${Object.entries(run.set)
      .map(([key, value]) => `${key} ${value}`)
      .join(", ")}`,
  );
  await carryOut(run, options.folder);
}
const page = join(root, "docs/tiny.md");
const figures = join(root, "docs/tiny");
let text = await readFile(page, "utf8");
for (const evidence of await evidenceOf(options.folder, options.seeds)) {
  const table = markdownOf(evidence);
  console.log(`\n${evidence.name}\n\n${table}`);
  text = withTable(text, evidence.name, table);
  if (!options.note) continue;
  await mkdir(figures, { recursive: true });
  await writeFile(join(figures, `${evidence.name}.svg`), await svgOf(evidence.figure));
}
if (options.note) await writeFile(page, text);
console.log(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);
