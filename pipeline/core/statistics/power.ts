import { bisect, logGamma, normalCumulative, regularizedBeta, studentTwoSided } from "../quantile.ts";
import { intervalLevel } from "../wilson.ts";

/** The usual chance to find what is there (Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2.4). */
const usualPower = 0.8;

/** The smallest difference that a two-sided t test at 1 - `level` finds with the chance `power`, which is 1 - level at least. */
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
  const critical = studentTwoSided(level, degrees);
  let enough = 1;
  while (powerAt(enough, degrees, critical) < power) enough *= 2;
  return standardError * bisect((shift) => powerAt(shift, degrees, critical), power, 0, enough);
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
  const shift = Math.abs(difference) / standardDeviation;
  const suffice = (units: number) =>
    powerAt(shift * Math.sqrt(units), units - 1, studentTwoSided(level, units - 1)) >= power;
  let [tooFew, enough] = [1, 2];
  while (!suffice(enough)) [tooFew, enough] = [enough, enough * 2];
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (middle === tooFew || middle === enough) break; // beyond what a double counts one by one
    if (suffice(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/**
 * P(|T| > critical), where T is Student's t shifted by so many standard errors: the chance that a t test finds a difference.
 * T² has the noncentral F distribution, whose chances are a Poisson mixture of incomplete beta functions (Johnson, Kotz
 * and Balakrishnan 1995, Continuous Univariate Distributions 2, chapter 30).
 */
function powerAt(shift: number, degrees: number, critical: number): number {
  if (degrees > 1e7) return normalCumulative(shift - critical) + normalCumulative(-shift - critical);
  const y = critical ** 2 / (degrees + critical ** 2);
  const b = degrees / 2;
  const rate = Math.max(shift ** 2 / 2, Number.MIN_VALUE); // 0 has no logarithm
  // The sum of Poisson chance × I_y(jumps + 1/2, b). Both factors for the next jump follow from those for the last:
  // https://dlmf.nist.gov/8.17.E20
  const reach = 10 * Math.sqrt(rate) + 30; // beyond it a Poisson number has no chance that a double knows
  let jumps = Math.max(0, Math.floor(rate - reach));
  let chance = Math.exp(jumps * Math.log(rate) - rate - logGamma(jumps + 1));
  let beta = regularizedBeta(y, jumps + 0.5, b);
  let drop = Math.exp(
    (jumps + 0.5) * Math.log(y) + b * Math.log1p(-y) + logGamma(jumps + 0.5 + b) - logGamma(jumps + 1.5) - logGamma(b),
  );
  let within = 0;
  for (; jumps <= rate + reach; jumps += 1) {
    within += chance * beta;
    chance *= rate / (jumps + 1);
    beta -= drop;
    drop *= (y * (jumps + 0.5 + b)) / (jumps + 1.5);
  }
  return 1 - within;
}
