import { votesFile } from "../artifacts/artifact-file.ts";
import type { Vote } from "../artifacts/vote.ts";
import { lotsOf, ruleName, type VoteOptions, vote } from "../core/vote.ts";
import { type CandidateTable, readCandidateTable } from "./candidate-table.ts";
import type { RunStore } from "./ports.ts";

/**
 * vote: elects an answer for each selected problem in each replicate, also for a problem that has no candidate. Reads
 * selected.jsonl and candidates.jsonl; writes votes.jsonl, sorted by key.
 */
export async function runVote(store: RunStore, options: VoteOptions): Promise<{ votes: number }> {
  const table = await readCandidateTable(store, options);
  return { votes: await store.replace(votesFile, votesOf(table, options)) };
}

function* votesOf({ problems, replicates, candidates }: CandidateTable, options: VoteOptions): Generator<Vote> {
  const rule = ruleName(options);
  for (const { problemId } of problems) {
    for (let replicate = 0; replicate < replicates; replicate += 1) {
      const voters = candidates(problemId, replicate);
      const elected = vote(voters, options, lotsOf(options, { problemId, replicate }));
      const decided = voters.filter(({ outcome }) => outcome === "decided").length;
      const decidedAfter = decided > 0 ? { decidedAfter: voters.length - decided } : {};
      yield { problemId, replicate, ...elected, candidates: voters.length, rule, ...decidedAfter };
    }
  }
}
