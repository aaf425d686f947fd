import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { HeldByName, Simulation } from "./simulation.ts";

/** Runs simulations on all cores. Calls back with each one's figures, in any order. */
export async function runSimulations<Item extends Simulation>(
  simulations: readonly Item[],
  onDone: (simulation: Item, held: HeldByName) => void,
): Promise<void> {
  const waiting = simulations.values();
  const work = async () => {
    const worker = new Worker(new URL("./simulate.ts", import.meta.url));
    for (const simulation of waiting) {
      worker.postMessage(simulation);
      const [held] = (await once(worker, "message")) as [HeldByName];
      onDone(simulation, held);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}
