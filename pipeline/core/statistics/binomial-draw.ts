/**
 * How many of `trials` independent trials succeed, each with this chance. Exact in distribution, in a time that hardly
 * depends on `trials`. `random` gives numbers in [0, 1).
 */
export function drawBinomial(trials: number, chance: number, random: () => number): number {
  if (chance > 0.5) return trials - drawBinomial(trials, 1 - chance, random);
  return trials * chance < 10 ? drawByInversion(trials, chance, random) : drawByRejection(trials, chance, random);
}

/** Takes the probabilities of 0, 1, 2 … successes off a random number until it is used up. */
function drawByInversion(trials: number, chance: number, random: () => number): number {
  const odds = chance / (1 - chance);
  let probability = (1 - chance) ** trials;
  let left = random() - probability;
  let successes = 0;
  for (; left >= 0 && successes < trials; left -= probability) {
    successes += 1;
    probability *= (odds * (trials - successes + 1)) / successes;
  }
  return successes;
}

/**
 * Transformed rejection with squeeze, algorithm BTRS of Hörmann 1993 (https://doi.org/10.1080/00949659308811496), whose
 * constants these are. For trials × chance ≥ 10 and chance ≤ 1/2.
 */
function drawByRejection(trials: number, chance: number, random: () => number): number {
  const odds = chance / (1 - chance);
  const deviation = Math.sqrt(trials * chance * (1 - chance));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * chance;
  const centre = trials * chance + 0.5;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const certain = 0.92 - 4.2 / b;
  const mode = Math.floor((trials + 1) * chance);
  for (;;) {
    const u = random() - 0.5;
    const v = random();
    const edge = 0.5 - Math.abs(u);
    const successes = Math.floor(((2 * a) / edge + b) * u + centre);
    if (edge >= 0.07 && v <= certain) return successes;
    if (successes < 0 || successes > trials) continue;
    // The probability of `successes` over that of the mode, a few deviations away, as a product of neighbours' ratios.
    let ratio = 1;
    for (let k = mode + 1; k <= successes; k += 1) ratio *= (odds * (trials - k + 1)) / k;
    for (let k = mode; k > successes; k -= 1) ratio *= k / (odds * (trials - k + 1));
    if ((v * alpha) / (a / edge ** 2 + b) <= ratio) return successes;
  }
}
