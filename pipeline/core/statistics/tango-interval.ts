import { normalTwoSided } from "../quantile.ts";

/**
 * The score interval of Tango 1998 (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B)
 * for the difference of two shares that were observed on the same n units: `gained` units are right only the second
 * time, `lost` only the first. Wilson's interval is its counterpart for one share; like that, it is not empty where no
 * unit changed. Needs n ≥ 1 and gained + lost ≤ n.
 */
export function tangoInterval(
  { gained, lost, n }: { gained: number; lost: number; n: number },
  level: number,
): { low: number; high: number } {
  const z = normalTwoSided(level);
  const estimate = (gained - lost) / n;
  const score = (difference: number) => scoreOf(difference, gained, lost, n);
  return {
    low: estimate <= -1 ? -1 : crossing((difference) => score(difference) - z, -1, estimate),
    high: estimate >= 1 ? 1 : crossing((difference) => score(difference) + z, estimate, 1),
  };
}

/** How many standard errors the observed difference lies above a supposed one. It falls as that rises. */
function scoreOf(difference: number, gained: number, lost: number, n: number): number {
  // The chance of a unit of `lost`, most likely among those with this difference: the root of A x² + B x + C.
  const b = -gained - lost + (2 * n - gained + lost) * difference;
  const c = -lost * difference * (1 - difference);
  const chance = (Math.sqrt(Math.max(0, b ** 2 - 8 * n * c)) - b) / (4 * n);
  const variance = n * (2 * chance + difference * (1 - difference));
  const distance = gained - lost - n * difference;
  if (variance <= 0) return distance === 0 ? 0 : Math.sign(distance) * Number.POSITIVE_INFINITY;
  return distance / Math.sqrt(variance);
}

/** Where a falling function crosses zero. */
function crossing(falling: (x: number) => number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (let step = 0; step < 100; step += 1) {
    const middle = (below + above) / 2;
    if (middle <= below || middle >= above) break; // neighbouring doubles
    if (falling(middle) > 0) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}
