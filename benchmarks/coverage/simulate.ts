// A worker's program: simulations in, how often what held out.
import { parentPort } from "node:worker_threads";
import { randomStream } from "../../pipeline/core/seed.ts";
import { differenceCoverage, forecastTrial, scoreCoverage } from "../../tests/helpers/coverage.ts";
import type { HeldByName, Simulation } from "./simulation.ts";

parentPort?.on("message", (simulation: Simulation) => parentPort?.postMessage(heldIn(simulation)));

function heldIn(simulation: Simulation): HeldByName {
  const { band, problems, runs, seed } = simulation;
  const drawn = { band, problems, runs, random: randomStream(seed) };
  if (simulation.of === "leaderboard") {
    const { known, onTheseProblems, onOtherProblems } = forecastTrial(simulation.setting, drawn);
    return {
      "known to": { runs: known.runs, held: known.held },
      "90 % of scores": { runs, held: onTheseProblems * runs },
      "90 %, other problems": { runs, held: onOtherProblems * runs },
    };
  }
  const coverages =
    simulation.of === "score"
      ? scoreCoverage(simulation.setting, drawn)
      : differenceCoverage(simulation.setting, drawn);
  return Object.fromEntries([...coverages].map(([name, { runs, held }]) => [name, { runs, held }]));
}
