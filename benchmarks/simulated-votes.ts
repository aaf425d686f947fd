import type { Ending } from "../pipeline/core/early-stop/stopped-vote.ts";
import { shuffled } from "../pipeline/core/seed.ts";

/** Votes whose answers are drawn by these shares; `blank` of the candidates have none. */
export function drawnVotes(
  { problems, width, blank }: { problems: number; width: number; blank: number },
  shares: (random: () => number) => number[],
  random: () => number,
): Ending[][] {
  return Array.from({ length: problems }, () => {
    const ofProblem = shares(random);
    const answers = Array.from({ length: width }, () => (random() < blank ? undefined : draw(ofProblem, random)));
    return inRandomOrder(answers, random);
  });
}

/** Votes that all have the same full tally, its candidates numbered and ended in random orders. */
export function fixedVotes(problems: number, tally: readonly number[], random: () => number): Ending[][] {
  const answers = tally.flatMap((count, answer) => Array<number>(count).fill(answer));
  return Array.from({ length: problems }, () => inRandomOrder(shuffled(answers, random), random));
}

/** Shares uniform among all that there are of so many answers: Dirichlet(1, …, 1). */
export function uniformShares(answers: number): (random: () => number) => number[] {
  return (random) => {
    const parts = Array.from({ length: answers }, () => -Math.log(1 - random()));
    const whole = parts.reduce((sum, part) => sum + part, 0);
    return parts.map((part) => part / whole);
  };
}

/** Any number of answers: each takes a uniform share of what the ones before it have left. */
export function brokenShares(random: () => number): number[] {
  const shares: number[] = [];
  for (let left = 1; left > 1e-3; ) {
    const share = left * random();
    shares.push(share);
    left -= share;
  }
  return shares;
}

function draw(shares: readonly number[], random: () => number): number {
  let point = random();
  const answer = shares.findIndex((share) => {
    point -= share;
    return point < 0;
  });
  return answer < 0 ? shares.length : answer;
}

function inRandomOrder(answers: readonly (number | undefined)[], random: () => number): Ending[] {
  return answers.map((answer, candidate) => ({
    ...{ candidate, turns: 1, endsAt: random() },
    ...(answer === undefined ? {} : { answer: `${answer}` }),
  }));
}
