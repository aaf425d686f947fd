import type { Profile } from "../../artifacts/profile.ts";
import type { Vote } from "../../artifacts/vote.ts";
import { compareInVoteOrder, type VoteOptions, type Voter, vote } from "../vote.ts";
import { leadEvidence } from "./lead-evidence.ts";

/** The candidates of one problem and replicate, midway. */
export interface OpenVote {
  ended: readonly Voter[];
  open: readonly OpenVoter[];
}

/** A candidate that has not ended: `turns` are finished; `answer` is the ballot that it would cast if it ended now. */
export type OpenVoter = Pick<Voter, "candidate" | "turns" | "answer">;

export interface EarlyWinnerOptions extends VoteOptions {
  depth: number; // turns per candidate at most
  afterAnswer: Profile["afterAnswer"];
}

/** Whether a vote's winner can be known early: it is for a majority, whose ties go by the order of the ballots. */
export function canEndEarly({ rule = "majority", ties }: VoteOptions): boolean {
  return rule === "majority" && (ties === "first-seen" || ties === "lowest-candidate");
}

/** What the vote over all candidates elects: null is nobody. */
export type EarlyWinner = Pick<Vote, "answer">;

/**
 * The winner of the vote over all candidates if it is the same however the open ones end, else undefined. Takes
 * O(n log n) time for n candidates.
 *
 * An open candidate may end without a ballot, or with one for any answer, seen or new. Only a candidate that goes on after
 * its answer can be cut off with a ballot (`meta.pruned`): in its next turn with the answer that it has, in later ones
 * with any.
 *
 * It is right, and never later than need be. A rival does best if all open candidates vote for it, each as early in vote
 * order as it can: no end has more ballots for the rival, fewer for the leader, or an earlier first ballot. So the
 * leader wins every end exactly if it wins these. That no open candidate votes is one of the ends: if they are cancelled
 * without a ballot, `vote` elects the same.
 */
export function certainWinner(state: OpenVote, options: EarlyWinnerOptions): EarlyWinner | undefined {
  return confidentWinner(state, options, 1);
}

/**
 * The leader if it wins the vote over all candidates too, at this confidence: the chance that a problem is stopped with
 * another winner is at most 1 - confidence, however close its vote, and though this is asked whenever a candidate ends.
 * At confidence 1 it is `certainWinner`.
 *
 * The leader is tested against each rival, see `leadEvidence`; the unseen answers are one rival, as none has a ballot. That
 * bounds the chance for each answer that could be elected wrongly. The bound of their sum is not proven but measured
 * (docs/early-stop.md). Both suppose that candidates end in an order that has nothing to do with their answers. The leader
 * also wins if the open candidates are cancelled, with the ballots that they have now or with none.
 */
export function confidentWinner(
  { ended, open }: OpenVote,
  options: EarlyWinnerOptions,
  confidence: number,
): EarlyWinner | undefined {
  if (open.length === 0) return { answer: vote(ended, options).answer };
  const [leader, ...others] = standingsOf(ended, options);
  if (leader === undefined) return undefined; // the next ballot may elect anything
  const needed = -Math.log(1 - confidence);
  const isBeaten = (rival: Omit<Standing, "answer">) => {
    const winsTie = inOrder(rival.first, leader.first, options) < 0;
    const behind = leader.ballots - rival.ballots + (winsTie ? 0 : 1);
    return leadEvidence({ leader: leader.ballots, rival: rival.ballots, behind, open: open.length }) >= needed;
  };
  if (!atTheirBest(others, leader, open, options).every(isBeaten)) return undefined;
  return vote([...ended, ...open], options).answer === leader.answer ? { answer: leader.answer } : undefined;
}

/** An answer's ballots, and the first of them in vote order. */
interface Standing {
  answer: string;
  ballots: number;
  first: Voter;
}

/** The answers with ballots, the leader first. */
function standingsOf(ended: readonly Voter[], options: EarlyWinnerOptions): Standing[] {
  const standings = new Map<string, Standing>();
  for (const voter of ended) {
    const { answer } = voter;
    if (answer === undefined) continue;
    const { ballots, first } = standings.get(answer) ?? { ballots: 0, first: voter };
    standings.set(answer, { answer, ballots: ballots + 1, first: earlier(first, voter, options) });
  }
  return [...standings.values()].sort((a, b) => b.ballots - a.ballots || inOrder(a.first, b.first, options));
}

/** All who could win instead, with the first ballots that they have if every open candidate votes for them. */
function atTheirBest(
  others: readonly Standing[],
  leader: Standing,
  open: readonly OpenVoter[],
  options: EarlyWinnerOptions,
): Omit<Standing, "answer">[] {
  const soonest = open.map((voter) => soonestBallot(voter, 2, options)).reduce((a, b) => earlier(a, b, options));
  const rivals = new Map(others.map(({ answer, ballots, first }) => [answer, { ballots, first }]));
  for (const voter of open) {
    if (voter.answer === undefined || voter.answer === leader.answer) continue;
    const own = soonestBallot(voter, 1, options);
    const { ballots, first } = rivals.get(voter.answer) ?? { ballots: 0, first: own };
    rivals.set(voter.answer, { ballots, first: earlier(first, own, options) });
  }
  const unseen = { ballots: 0, first: soonest };
  const seen = [...rivals.values()].map(({ ballots, first }) => ({ ballots, first: earlier(first, soonest, options) }));
  return [unseen, ...seen];
}

/** The ballot of an open candidate that is earliest in vote order, if it takes at least so many turns more. */
function soonestBallot(
  { candidate, turns }: OpenVoter,
  more: number,
  { depth, afterAnswer }: EarlyWinnerOptions,
): Voter {
  const mayBeCutOff = afterAnswer === "continue" && turns + more <= depth;
  return mayBeCutOff ? { candidate, turns: turns + more, meta: { pruned: true } } : { candidate, turns: depth };
}

function earlier(a: Voter, b: Voter, options: EarlyWinnerOptions): Voter {
  return inOrder(a, b, options) <= 0 ? a : b;
}

function inOrder(a: Voter, b: Voter, { ties }: EarlyWinnerOptions): number {
  return compareInVoteOrder(a, b, ties);
}
