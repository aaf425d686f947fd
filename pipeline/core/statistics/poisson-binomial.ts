/**
 * P(X = 0) … P(X = n) for the number X of successes in n independent trials with these chances (the Poisson binomial
 * distribution), by adding one trial after the other: Hong 2013, https://doi.org/10.1016/j.csda.2012.10.006, 2.2. n² / 2
 * steps.
 */
export function poissonBinomial(chances: readonly number[]): Float64Array {
  const distribution = new Float64Array(chances.length + 1);
  distribution[0] = 1;
  chances.forEach((chance, trials) => {
    for (let successes = trials + 1; successes >= 0; successes -= 1) {
      const stays = (distribution[successes] ?? 0) * (1 - chance);
      distribution[successes] = stays + (distribution[successes - 1] ?? 0) * chance;
    }
  });
  return distribution;
}
