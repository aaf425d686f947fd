/** A leader and one rival, midway through a vote. */
export interface Lead {
  leader: number; // ballots so far
  rival: number; // ballots so far, at most as many
  /** The rival wins if it gets at least so many of the open ballots more than the leader. */
  behind: number;
  open: number; // candidates that have not ended
}

/**
 * How strongly the ballots so far speak against a win of the rival: the logarithm of a likelihood ratio. The chance that
 * it ever reaches ln(1 / α) in a vote that the rival wins is at most α, whatever the full vote is and however often one
 * looks, if candidates end in an order that has nothing to do with their answers.
 *
 * This is the way elections are audited, by drawing ballots without replacement until the reported winner is beyond
 * doubt: the prior-posterior-ratio martingale (Waudby-Smith and Ramdas 2020, https://arxiv.org/abs/2006.04347). If the
 * full vote has A ballots for the leader and B for the rival, a sequence with a and b of them has the chance
 *   P(A, B) = A! / (A-a)! · B! / (B-b)! · (A+B-a-b)! / (A+B)!
 * among the ballots for these two. Compared is the chance Q of the same sequence if the leader's share of the two had
 * the distribution Beta(6, 1). Under the true A and B, Q / P is a martingale that starts at 1, so Ville's inequality
 * bounds the chance that it ever reaches 1 / α. Here P is the largest of all full votes in which the rival wins. Beta(6, 1)
 * decides only how soon the evidence suffices, not how often it misleads.
 *
 * Infinite where the open ballots cannot make the rival win. Takes O(open) time.
 */
export function leadEvidence({ leader, rival, behind, open }: Lead): number {
  let likeliest = Number.NEGATIVE_INFINITY;
  // With more ballots for the rival than it needs, P is smaller: the rival has as many as the leader already.
  for (let more = 0; 2 * more + behind <= open; more += 1) {
    likeliest = Math.max(likeliest, logChance(leader, leader + more, rival, rival + more + behind));
  }
  const logBetaChance = Math.log(6) + logFactorial(leader + 5) + logFactorial(rival) - logFactorial(leader + rival + 6);
  return logBetaChance - likeliest;
}

/** ln P(A, B), see `leadEvidence`. */
function logChance(a: number, fullA: number, b: number, fullB: number): number {
  return (
    logFactorial(fullA) -
    logFactorial(fullA - a) +
    logFactorial(fullB) -
    logFactorial(fullB - b) +
    logFactorial(fullA + fullB - a - b) -
    logFactorial(fullA + fullB)
  );
}

const logFactorials = [0];

function logFactorial(n: number): number {
  for (let k = logFactorials.length; k <= n; k += 1) logFactorials.push((logFactorials[k - 1] ?? 0) + Math.log(k));
  return logFactorials[n] ?? 0;
}
