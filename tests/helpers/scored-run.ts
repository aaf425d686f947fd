import type { CandidateResult, ProblemResult, RunResults } from "../../pipeline/core/run-results.ts";
import { compareInVoteOrder, vote } from "../../pipeline/core/vote.ts";

/** By problemId, by replicate: the candidates' answers. The right answer is `1` everywhere. */
export type Answers = Record<string, (string | undefined)[][]>;

export const rightAnswer = "1";

/** A scored run of these answers, as it would be read back from a directory without a manifest. */
export function scoredRun(name: string, answers: Answers, rest: Partial<RunResults> = {}): RunResults {
  const problems = Object.entries(answers).map(([problemId, replicates]): ProblemResult => {
    return {
      ...{ problemId, set: problemId.split("/")[0] ?? "", gold: rightAnswer, expected: rightAnswer },
      statementHash: `of ${problemId}`,
      replicates: replicates.map((ballots) => {
        const candidates = ballots.map(candidateOf).toSorted((a, b) => compareInVoteOrder(a, b, "lowest-candidate"));
        const elected = vote(candidates, { ties: "first-seen", fallback: null }).answer;
        const correct = elected === rightAnswer;
        return { elected, correct, credit: Number(correct), candidates };
      }),
    };
  });
  const first = Object.values(answers)[0] ?? [[]];
  return {
    ...{ name, directory: name, manifest: undefined, summary: {} as RunResults["summary"] },
    ...{ problems, replicates: first.length, width: first[0]?.length ?? 0 },
    ...rest,
  };
}

function candidateOf(answer: string | undefined, candidate: number): CandidateResult {
  return {
    ...{ candidate, outcome: answer === undefined ? "no-answer" : "answered", turns: 1, lost: false },
    ...{ tokens: { prompt: 10, completion: 20 }, milliseconds: 5 },
    ...(answer === undefined ? {} : { answer }),
  };
}

/** A run of one candidate per problem: `1101` solves all but the third problem. */
export function verdictRun(name: string, verdicts: string, set = "set"): RunResults {
  return scoredRun(
    name,
    Object.fromEntries([...verdicts].map((verdict, at) => [`${set}/p${String(at).padStart(3, "0")}`, [[verdict]]])),
  );
}
