import { bisect, logGamma, normalCumulative, normalTwoSided, regularizedBeta, studentTwoSided } from "../quantile.ts";
import { intervalLevel } from "../wilson.ts";

/** The usual chance to find what is there (Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2.4). */
const usualPower = 0.8;

/**
 * The chance that a two-sided t test at 1 - `level` finds a true difference, given the standard error of its estimate.
 *
 * T² then has the noncentral F distribution, a Poisson mixture of central ones: https://dlmf.nist.gov/8.17 with Johnson,
 * Kotz and Balakrishnan 1995, Continuous Univariate Distributions 2, 30.4 and 31.4.
 */
export function power({
  difference,
  standardError,
  degrees,
  level = intervalLevel,
}: {
  difference: number;
  standardError: number;
  degrees: number;
  level?: number;
}): number {
  return powerAt(Math.abs(difference) / standardError, degrees, level);
}

/** The smallest difference that a two-sided t test at 1 - `level` finds with the chance `power`. */
export function detectableDifference({
  standardError,
  degrees,
  level = intervalLevel,
  power = usualPower,
}: {
  standardError: number;
  degrees: number;
  level?: number;
  power?: number;
}): number {
  let enough = 1;
  while (powerAt(enough, degrees, level) < power) enough *= 2;
  return standardError * bisect((shift) => powerAt(shift, degrees, level), power, 0, enough);
}

/**
 * The fewest independent units (problems) whose mean difference a two-sided t test at 1 - `level` finds to be other than
 * 0 with the chance `power`, if it is `difference` and single units deviate from it by `standardDeviation`.
 */
export function neededUnits({
  difference,
  standardDeviation,
  level = intervalLevel,
  power = usualPower,
}: {
  difference: number;
  standardDeviation: number;
  level?: number;
  power?: number;
}): number {
  if (difference === 0) throw new RangeError("no number of units finds a difference of 0");
  const suffice = (units: number) =>
    powerAt((Math.abs(difference) / standardDeviation) * Math.sqrt(units), units - 1, level) >= power;
  let [tooFew, enough] = [1, 2];
  while (!suffice(enough)) [tooFew, enough] = [enough, enough * 2];
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (suffice(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** P(|T| > t) for the critical t at `level`, where T is Student's, shifted by `shift` standard errors. */
function powerAt(shift: number, degrees: number, level: number): number {
  if (degrees > 1e7) {
    const z = normalTwoSided(level);
    return normalCumulative(shift - z) + normalCumulative(-shift - z);
  }
  const critical = studentTwoSided(level, degrees) ** 2;
  const y = critical / (degrees + critical);
  const rate = shift ** 2 / 2;
  const reach = 10 * Math.sqrt(rate) + 30; // beyond it a Poisson number has no chance that a double knows
  let within = 0;
  for (let jumps = Math.max(0, Math.floor(rate - reach)); jumps <= rate + reach; jumps += 1) {
    const chance = rate === 0 ? (jumps === 0 ? 1 : 0) : Math.exp(jumps * Math.log(rate) - rate - logGamma(jumps + 1));
    within += chance * regularizedBeta(y, jumps + 0.5, degrees / 2);
  }
  return 1 - within;
}
