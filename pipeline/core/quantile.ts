/** Quantiles that intervals are made of. Each is found by bisection of a distribution whose formula is cited. */

/**
 * The z with P(|Z| < z) = level for a standard normal Z: 1.96 for 0.95. `level` in [0, 1); precise to about 1e-12 up to
 * 0.999999.
 */
export function normalTwoSided(level: number): number {
  return bisect((z) => erf(z / Math.SQRT2), level, 0, 10);
}

/** The t with P(|T| < t) = level for Student's t with `degrees` > 0 of freedom, which need not be whole. */
export function studentTwoSided(level: number, degrees: number): number {
  if (degrees > 1e7) return normalTwoSided(level); // equal to eight digits
  // P(|T| < t) = I_y(1/2, degrees / 2) with y = t² / (degrees + t²): https://dlmf.nist.gov/8.17
  const y = bisect((y) => regularizedBeta(y, 0.5, degrees / 2), level, 0, 1);
  return Math.sqrt((degrees * y) / (1 - y));
}

/** P(Z ≤ z) for a standard normal Z, within 1e-15. */
export function normalCumulative(z: number): number {
  return (1 + Math.sign(z) * erf(Math.abs(z) / Math.SQRT2)) / 2;
}

/** The z with P(Z ≤ z) = share for a standard normal Z. `share` in (0, 1); precise to about 1e-12 from 1e-5 to 1 - 1e-5. */
export function normalQuantile(share: number): number {
  return Math.sign(share - 0.5) * normalTwoSided(Math.abs(2 * share - 1));
}

/** Where a rising function takes a value, between `low` and `high`. */
export function bisect(rising: (x: number) => number, value: number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (let step = 0; step < 200; step += 1) {
    const middle = (below + above) / 2;
    if (middle <= below || middle >= above) break; // neighbouring doubles
    if (rising(middle) < value) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}

/** The error function by its series of positive terms, https://dlmf.nist.gov/7.6.E2, for x ≥ 0. */
export function erf(x: number): number {
  if (x > 6) return 1;
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * The regularized incomplete beta function I_x(a, b) by its continued fraction, https://dlmf.nist.gov/8.17.E22, which
 * converges fast on the side of the mean where it is used; the other side follows from I_x(a, b) = 1 - I_{1-x}(b, a).
 */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  // Lentz's method: the value is the product of the ratios of successive convergents.
  let [numerator, denominator, fraction] = [1, 0, 1];
  for (let step = 1; step < 10_000; step += 1) {
    const m = Math.floor(step / 2);
    const coefficient =
      step % 2 === 1
        ? (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
        : (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    denominator = 1 / (1 + coefficient * denominator);
    numerator = 1 + coefficient / numerator;
    const ratio = numerator * denominator;
    fraction *= ratio;
    if (Math.abs(ratio - 1) < 1e-16) break;
  }
  const logFront = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  return Math.exp(logFront) / a / fraction;
}

/** ln Γ(x) for x > 0 by Stirling's series, https://dlmf.nist.gov/5.11.E1, once the recurrence has made x large. */
export function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 12; z += 1) shift += Math.log(z);
  const bernoulli = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188];
  const series = bernoulli.reduce((sum, term, index) => sum + term / z ** (2 * index + 1), 0);
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}
