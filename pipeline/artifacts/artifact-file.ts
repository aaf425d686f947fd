import { z } from "zod";
import { type Candidate, candidateSchema } from "./candidate.ts";
import {
  type Problem,
  problemSchema,
  type RejectedProblem,
  rejectedProblemSchema,
  type SelectedProblem,
  selectedProblemSchema,
} from "./problem.ts";
import { type Turn, turnSchema } from "./turn.ts";
import { type Verdict, verdictSchema } from "./verdict.ts";
import { type Vote, voteSchema } from "./vote.ts";

/** A JSONL file of a run directory: its name, and what each of its lines holds. */
export interface ArtifactFile<Row> {
  readonly name: string;
  readonly schema: z.ZodType<Row>;
}

export const problemsFile = artifactFile<Problem>("problems.jsonl", problemSchema);
export const selectedFile = artifactFile<SelectedProblem>("selected.jsonl", selectedProblemSchema);
export const rejectedFile = artifactFile<RejectedProblem>("rejected.jsonl", rejectedProblemSchema);
export const turnsFile = artifactFile<Turn>("turns.jsonl", turnSchema);
export const candidatesFile = artifactFile<Candidate>("candidates.jsonl", candidateSchema);
export const votesFile = artifactFile<Vote>("votes.jsonl", voteSchema);
export const verdictsFile = artifactFile<Verdict>("verdicts.jsonl", verdictSchema);

/** Its schema is compiled, at first use: a file may have a million rows, and checking one would take longer than parsing it. */
function artifactFile<Row>(name: string, schema: z.ZodType<Row>): ArtifactFile<Row> {
  let compiled: z.ZodType<Row> | undefined;
  return {
    name,
    get schema() {
      compiled ??= z.compile(schema);
      return compiled;
    },
  };
}

export const summaryFile = "summary.json";
export const manifestFile = "manifest.json";
