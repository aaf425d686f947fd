import type { Band, Paired } from "../../tests/helpers/coverage.ts";

/** What is simulated. */
export type Setting =
  | { of: "score"; setting: { width: number } }
  | { of: "compare"; setting: Paired }
  | { of: "leaderboard"; setting: { width: number; replicates: number } };

/** Some simulated runs of one kind, each of which tells whether its intervals hold the truth. */
export type Simulation = Setting & { band: Band; problems: number; runs: number; seed: number };

/** How often what holds in so many runs: not whole where a run gives its chance. */
export interface Held {
  runs: number;
  held: number;
}

export type HeldByName = Record<string, Held>;
