// `npm run soak`: runs that are killed again and again, interrupted, and lose their terminal, until they are complete.
// Exit code 1 if a turn is lost, a process left behind, or a result another one than an undisturbed run's. Options:
// npm run soak -- --kills 500 --seed 7 --variants embedded sessions
import { randomInt } from "node:crypto";
import yargs from "yargs";
import { type StormReport, storm } from "../tests/helpers/kill-storm.ts";
import { allPhases, wander } from "../tests/helpers/kill-storm-aims.ts";
import { interruptions } from "../tests/helpers/kill-storm-endings.ts";
import { canAdopt } from "../tests/helpers/kill-storm-process.ts";
import { type VariantName, variants } from "../tests/helpers/kill-storm-workload.ts";

const names = Object.keys(variants) as VariantName[];
const options = await yargs(process.argv.slice(2))
  .scriptName("npm run soak --")
  .options({
    kills: { type: "number", default: 500, describe: "how many" },
    minutes: { type: "number", default: Number.POSITIVE_INFINITY, defaultDescription: "as many as it takes" },
    seed: { type: "number", default: randomInt(2 ** 31), defaultDescription: "random", describe: "of when and how" },
    variants: { choices: names, array: true, default: names, describe: "kinds of runs" },
    interruptions: { type: "number", default: 0.3, describe: "share of kills that are signals which can be handled" },
  })
  .strict()
  .parse();

function line({ kills, runs, rows, lostRows, boughtAgain, boughtAgainAtMost, orphans }: StormReport): string {
  return (
    `${kills} kills survived, ${runs} runs completed with ${rows} turns: ${lostRows} rows lost, ` +
    `${boughtAgain} turns bought again (where that is counted; at most ${boughtAgainAtMost}), ${orphans} orphans`
  );
}

function counts(figures: Record<string, number>): string {
  const sorted = Object.entries(figures).toSorted(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${String(count).padStart(8)}  ${name}`).join("\n");
}

console.log(`${options.kills} kills, seed ${options.seed}`);
if (!canAdopt) {
  console.error("This needs Linux, and Python: npm run setup");
  process.exit(2);
}
const startedAt = performance.now();
const secondsSoFar = () => (performance.now() - startedAt) / 1000;
const report = await storm({
  ...{ kills: options.kills, seed: options.seed, variants: options.variants, aims: wander },
  ending: (draw) =>
    (draw() < options.interruptions && interruptions[Math.floor(draw() * interruptions.length)]) || "SIGKILL",
  phases: options.kills < 200 ? [] : allPhases,
  isEnough: () => secondsSoFar() > 60 * options.minutes,
  onEpisode: (now) => console.log(`${secondsSoFar().toFixed(0)} s: ${line(now)}`),
});
console.log(`\nHow:\n${counts(report.endings)}\n\nWhat was hit:\n${counts(report.phases)}`);
for (const fault of report.faults) console.log(`\nFAULT, seed ${report.seed}: ${fault}`);
console.log(`\n${line(report)}`);
process.exitCode = report.faults.length === 0 ? 0 : 1;
