import { inVoteOrder, rank, type VoteOptions, type Voter, weightOf } from "./vote.ts";

/** The candidates of one problem and replicate, as maj@k sees them: each by its place in vote order. */
export interface Electorate {
  /** Each candidate's answer as a number: 0 is the right one, the others count from 1, `blank` casts no ballot. */
  ballots: Int32Array;
  /** What each ballot weighs. */
  weights: Float64Array;
  /** What an answer is worth: how many ballots it has, what they weigh together, or what the heaviest of them weighs. */
  worth: "count" | "sum" | "max";
  /** Whether answers of equal worth share the win, or the one whose first ballot (of `max`: its best) comes earliest has it. */
  tiesShared: boolean;
  /** Each candidate's rank in vote order: never falling. */
  ranks: readonly number[];
  answers: number; // how many different ones, the right one included
  /** Whether the fallback, elected where nobody has a ballot, is right. */
  rightByDefault: boolean;
}
const blank = -1;

export function electorateOf(voters: readonly Voter[], expected: string, options: VoteOptions): Electorate {
  const { rule = "majority", ties, fallback } = options;
  const inOrder = inVoteOrder(voters, ties);
  const numbers = new Map([[expected, 0]]);
  const weights = inOrder.map((voter) => weightOf(voter, options));
  const ballots = inOrder.map(({ answer }, place) => {
    if (answer === undefined || weights[place] === undefined) return blank;
    const number = numbers.get(answer) ?? numbers.size;
    numbers.set(answer, number);
    return number;
  });
  return {
    ballots: Int32Array.from(ballots),
    weights: Float64Array.from(weights, (weight) => weight ?? 0),
    worth: rule === "weighted" ? "sum" : rule === "best-of-n" ? "max" : "count",
    tiesShared: ties === "random" || ties === "expected",
    ranks: inOrder.map((voter) => rank(voter, ties)),
    answers: numbers.size,
    rightByDefault: fallback === expected,
  };
}

/** Puts a random choice of `size` of the places, in random order, first (Fisher–Yates). */
export function shuffleStart(places: Int32Array, size: number, random: () => number): void {
  for (let index = 0; index < size; index += 1) {
    const other = index + Math.floor(random() * (places.length - index));
    const place = places[index] ?? 0;
    places[index] = places[other] ?? 0;
    places[other] = place;
  }
}

/**
 * A function that tells how right the vote of some candidates is, given by their places and voting in the given order: 1,
 * 0, or where ties are shared the right answer's share of one.
 */
export function creditCounter({
  ballots,
  weights,
  worth,
  tiesShared,
  answers,
  rightByDefault,
}: Electorate): (voters: Int32Array) => number {
  const worths = new Float64Array(answers);
  const firsts = new Int32Array(answers); // 1 + where an answer's first ballot is, of `max` its best; 0 for none
  return (voters) => {
    worths.fill(0);
    firsts.fill(0);
    for (let index = 0; index < voters.length; index += 1) {
      const place = voters[index] ?? 0;
      const answer = ballots[place] ?? blank;
      if (answer === blank) continue;
      const weight = worth === "count" ? 1 : (weights[place] ?? 0);
      const before = worths[answer] ?? 0;
      if (firsts[answer] === 0 || (worth === "max" && weight > before)) {
        firsts[answer] = index + 1;
        worths[answer] = weight;
      } else if (worth !== "max") worths[answer] = before + weight;
    }
    let most = Number.NEGATIVE_INFINITY;
    for (let answer = 0; answer < answers; answer += 1) {
      if (firsts[answer] !== 0) most = Math.max(most, worths[answer] ?? 0);
    }
    if (most === Number.NEGATIVE_INFINITY) return rightByDefault ? 1 : 0;
    if (firsts[0] === 0 || worths[0] !== most) return 0;
    let tied = 1;
    for (let answer = 1; answer < answers; answer += 1) {
      if (firsts[answer] === 0 || worths[answer] !== most) continue;
      if (!tiesShared && (firsts[answer] ?? 0) < (firsts[0] ?? 0)) return 0;
      tied += 1;
    }
    return tiesShared ? 1 / tied : 1;
  };
}
