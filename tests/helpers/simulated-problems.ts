import { binomialRow } from "../../pipeline/core/binomial.ts";
import { type ProblemScore, scoreProblem, sizesUpTo } from "../../pipeline/core/problem-score.ts";
import { randomStream, shuffled } from "../../pipeline/core/seed.ts";
import { betaBinomial } from "../../pipeline/core/statistics/beta-binomial.ts";

/** Problems whose chances are known, and so what estimates of them should be. */

export interface SimulatedProblem {
  right: number; // chance that a candidate gives the right answer, "1"
  rivalry: number; // chance that another one gives "2"; the rest have no answer
}

/** Problems of one kind: their chances have the Beta distribution with this mean and with a + b = `concentration`. */
export interface ProblemKind {
  mean: number;
  concentration: number; // 0.5: most problems are nearly hopeless or nearly certain; 3: few are
}

const rivalries = [0.15, 0.5, 0.95];

export function drawProblem({ mean, concentration }: ProblemKind, random: () => number): SimulatedProblem {
  const [right, wrong] = [drawGamma(mean * concentration, random), drawGamma((1 - mean) * concentration, random)];
  const total = right + wrong;
  return {
    right: total > 0 ? right / total : random() < mean ? 1 : 0,
    rivalry: rivalries[Math.floor(random() * rivalries.length)] ?? 0.5,
  };
}

/** How many right and rival answers so many candidates give. */
export function drawAnswers({ right, rivalry }: SimulatedProblem, width: number, random: () => number) {
  const answers = { right: 0, rival: 0 };
  for (let candidate = 0; candidate < width; candidate += 1) {
    if (random() < right) answers.right += 1;
    else if (random() < rivalry) answers.rival += 1;
  }
  return answers;
}

export const passChance = ({ right }: SimulatedProblem, k: number) => 1 - (1 - right) ** k;

/** The chance that the vote of k candidates is right; either answer is as likely to win a tie. */
export function voteChance({ right, rivalry }: SimulatedProblem, k: number): number {
  const wins = winsByCount(k, rivalry);
  return binomialRow(k).reduce(
    (chance, ways, count) => chance + ways * right ** count * (1 - right) ** (k - count) * (wins[count] ?? 0),
    0,
  );
}

/** pass@k and maj@k over all problems of a kind. */
export function kindTruth({ mean, concentration }: ProblemKind, k: number): { pass: number; vote: number } {
  const counts = betaBinomial(k, mean * concentration, (1 - mean) * concentration); // of right answers among k
  const vote = (rivalry: number) => {
    const wins = winsByCount(k, rivalry);
    return counts.reduce((chance, each, count) => chance + each * (wins[count] ?? 0), 0);
  };
  return {
    pass: 1 - (counts[0] ?? 0),
    vote: rivalries.reduce((sum, rivalry) => sum + vote(rivalry), 0) / rivalries.length,
  };
}

const knownWins = new Map<string, number[]>();

/** By the number of right answers, the chance that they win the vote of k, where others give "2" with the chance `rivalry`. */
function winsByCount(k: number, rivalry: number): number[] {
  const key = `${k} ${rivalry}`;
  const known = knownWins.get(key);
  if (known) return known;
  const wins = Array.from({ length: k + 1 }, (_, right) => {
    const others = k - right;
    return binomialRow(others).reduce((chance, ways, rival) => {
      const wins = right > rival ? 1 : right === rival && right > 0 ? 0.5 : 0;
      return chance + wins * ways * rivalry ** rival * (1 - rivalry) ** (others - rival);
    }, 0);
  });
  knownWins.set(key, wins);
  return wins;
}

/** Scores problems of one width as `score` does. Equal answers in another order come to the same, so they are scored once. */
class Scorer {
  readonly width: number;
  readonly sizes: readonly number[];
  readonly #known = new Map<string, ProblemScore>();

  constructor(width: number) {
    this.width = width;
    this.sizes = sizesUpTo(width);
  }

  score(problem: SimulatedProblem, replicates: number, random: () => number): ProblemScore {
    const outcomes = Array.from({ length: replicates }, () => {
      const { right, rival } = drawAnswers(problem, this.width, random);
      // With shared ties the order of the candidates does not matter. Of two equal counts the vote itself takes either.
      return { right, rival, credit: right > rival ? 1 : right === rival && right > 0 ? Math.floor(2 * random()) : 0 };
    });
    const key = outcomes.map(({ right, rival, credit }) => `${right} ${rival} ${credit}`).join();
    const known = this.#known.get(key) ?? this.#scoreOf(outcomes);
    if (replicates === 1) this.#known.set(key, known);
    return known;
  }

  #scoreOf(outcomes: readonly { right: number; rival: number; credit: number }[]): ProblemScore {
    const random = randomStream(this.#known.size);
    const observed = outcomes.map(({ right, rival, credit }) => {
      const candidates = shuffled(answersOf(right, rival, this.width), random).map((answer, candidate) => {
        return { candidate, turns: 1, ...(answer === undefined ? {} : { answer }) };
      });
      return { observed: candidates, credit };
    });
    return scoreProblem(observed, "1", { sizes: this.sizes, vote: { ties: "expected", fallback: null } }, random);
  }
}

const scorers = new Map<number, Scorer>();

export function scorerOf(width: number): Scorer {
  const scorer = scorers.get(width) ?? new Scorer(width);
  scorers.set(width, scorer);
  return scorer;
}

export function answersOf(right: number, rival: number, width: number): (string | undefined)[] {
  return Array.from({ length: width }, (_, at) => (at < right ? "1" : at < right + rival ? "2" : undefined));
}

/** Marsaglia and Tsang 2000 (https://doi.org/10.1145/358407.358414), and for shapes below 1 their way down from one above. */
function drawGamma(shape: number, random: () => number): number {
  if (shape < 1) return drawGamma(shape + 1, random) * random() ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + normal / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}
