// `npm run soak:sandbox`: a hundred thousand programs, good and bad ones, and what they leave behind. Exit code 1 if
// anything is. Options: npm run soak:sandbox -- --executions 20000 --seed 7 --isolation limits --size 4
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import yargs from "yargs";
import { UserError } from "../pipeline/core/user-error.ts";
import { type Checkpoint, faultsOf, type SoakReport, soak } from "../tests/adapters/sandbox/soak.ts";

const options = await yargs(process.argv.slice(2))
  .scriptName("npm run soak:sandbox --")
  .options({
    executions: { type: "number", default: 100_000, describe: "how many programs" },
    seed: { type: "number", default: randomInt(2 ** 31), defaultDescription: "random", describe: "of the programs" },
    isolation: { choices: ["auto", "bubblewrap", "limits"] as const, default: "auto" as const },
    size: { type: "number", default: availableParallelism(), defaultDescription: "the cores", describe: "workers" },
    workerDeaths: { type: "number", default: 20, describe: "workers killed from outside" },
  })
  .strict()
  .parse();

function line({ executions, seconds, node, workers, zombies }: Checkpoint): string {
  const most = (values: number[]) => Math.max(...values).toFixed(0);
  return [
    `${executions} executions`,
    `${seconds.toFixed(0)} s`,
    `Node: ${node.openFiles} files, ${node.residentMiB.toFixed(1)} MiB, heap ${node.heapMiB.toFixed(1)} MiB`,
    `workers at most: ${most(workers.map(({ openFiles }) => openFiles ?? Number.NaN))} files, ` +
      `${most(workers.map(({ residentMiB }) => residentMiB))} MiB`,
    `${workers.length} processes, ${zombies} zombies`,
  ].join("; ");
}

function print(report: SoakReport): void {
  console.log(`\nWith ${report.isolation}:`);
  for (const [kind, count] of Object.entries(report.counts).toSorted(([, a], [, b]) => b - a)) {
    console.log(`${String(count).padStart(8)}  ${kind}`);
  }
  const faults = faultsOf(report);
  const [first, ...later] = report.checkpoints;
  const last = later.at(-1);
  if (first && last) console.log(`\nFirst: ${line(first)}\nLast:  ${line(last)}`);
  if (faults.length === 0) {
    console.log(
      "\nEvery result was right. No zombie, no process or file left; open files and memory, in Node and in the workers, " +
        "did not grow.",
    );
  }
  for (const fault of faults.slice(0, 20)) console.log(`\nFAULT: ${fault}`);
  if (faults.length > 20) console.log(`\n… and ${faults.length - 20} faults more.`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

console.log(`${options.executions} executions, seed ${options.seed}`);
try {
  print(
    await soak({
      ...{ executions: options.executions, seed: options.seed, isolation: options.isolation, size: options.size },
      ...{ workerDeaths: options.workerDeaths, checkpoints: 20 },
      onCheckpoint: (checkpoint) => console.log(line(checkpoint)),
    }),
  );
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`${error.message}\n${error.hint}`);
  process.exitCode = error.exitCode;
}
