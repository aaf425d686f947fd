import { inVoteOrder, rank, type VoteOptions, type Voter } from "./vote.ts";

/** The candidates of one problem and replicate, as maj@k sees them: each by its place in vote order. */
export interface Electorate {
  /** Each candidate's answer as a number: 0 is the right one, the others count from 1, `blank` casts no ballot. */
  ballots: Int32Array;
  /** Each candidate's rank in vote order: never falling. */
  ranks: readonly number[];
  answers: number; // how many different ones, the right one included
  /** Whether the fallback, elected where nobody has a ballot, is right. */
  rightByDefault: boolean;
}
const blank = -1;

export function electorateOf(voters: readonly Voter[], expected: string, { ties, fallback }: VoteOptions): Electorate {
  const inOrder = inVoteOrder(voters, ties);
  const numbers = new Map([[expected, 0]]);
  const ballots = inOrder.map(({ answer }) => {
    if (answer === undefined) return blank;
    const number = numbers.get(answer) ?? numbers.size;
    numbers.set(answer, number);
    return number;
  });
  return {
    ballots: Int32Array.from(ballots),
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

/** A function that tells whether candidates, given by their places and voting in the given order, elect the right answer. */
export function winCounter({ ballots, answers, rightByDefault }: Electorate): (voters: Int32Array) => boolean {
  const counts = new Int32Array(answers);
  const firsts = new Int32Array(answers);
  return (voters) => {
    counts.fill(0);
    for (let index = 0; index < voters.length; index += 1) {
      const answer = ballots[voters[index] ?? 0] ?? blank;
      if (answer === blank) continue;
      const count = counts[answer] ?? 0;
      if (count === 0) firsts[answer] = index;
      counts[answer] = count + 1;
    }
    let most = 0;
    for (let answer = 0; answer < answers; answer += 1) most = Math.max(most, counts[answer] ?? 0);
    if (most === 0) return rightByDefault;
    if (counts[0] !== most) return false;
    const first = firsts[0] ?? 0;
    for (let answer = 1; answer < answers; answer += 1) {
      if (counts[answer] === most && (firsts[answer] ?? 0) < first) return false;
    }
    return true;
  };
}
