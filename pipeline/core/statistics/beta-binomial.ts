import { logGamma } from "../quantile.ts";

/**
 * P(X = 0) … P(X = n) for the number X of successes in n trials whose common chance has the Beta distribution with a, b > 0:
 * C(n, x) B(x + a, n - x + b) / B(a, b) (Skellam 1948, https://doi.org/10.1111/j.2517-6161.1948.tb00014.x).
 */
export function betaBinomial(n: number, a: number, b: number): Float64Array {
  const logBeta = (x: number, y: number) => logGamma(x) + logGamma(y) - logGamma(x + y);
  return Float64Array.from({ length: n + 1 }, (_, x) => {
    const logWays = logGamma(n + 1) - logGamma(x + 1) - logGamma(n - x + 1);
    return Math.exp(logWays + logBeta(x + a, n - x + b) - logBeta(a, b));
  });
}
